// The settings of a running broker: swaps trust, tools, policies and limits as a whole, or keeps what it has and says why.
import { canonicalJson, sha256 } from '../domain/digest.js';
import { RUN_WAITS_MS } from '../domain/run.js';
import { Secret } from '../domain/secret.js';
import { loadSettings } from './load.js';
import type { LoadOptions } from './load-options.js';
import { ConfigurationError, type Mistake } from './mistakes.js';
import { sameUri } from './same-uri.js';
import type { Configuration } from './schema.js';
import type { FixedSettings, Settings, SwappableSettings } from './settings.js';

/** With a digest for each secret, so that one that was replaced is seen. */
function withDigests(value: unknown): unknown {
  if (value instanceof Secret) return sha256(value.reveal());
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withDigests);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withDigests(member)]));
}

/** What stays for as long as the broker runs, by its name in the file: all of it that is not swapped. */
type Fixed = Exclude<keyof Configuration, Swappable>;

const FIXED: Readonly<Record<Fixed, (settings: FixedSettings) => unknown>> = {
  issuer: ({ issuer }) => issuer,
  listen: ({ listen }) => listen,
  tls: ({ tls }) => tls,
  trusted_proxies: ({ trustedProxies }) => trustedProxies,
  operations: ({ operations }) => operations,
  metrics: ({ metrics }) => metrics,
  store: ({ store }) => withDigests(store),
  keys: ({ keys }) => keys,
  feed: ({ feed }) => feed,
  kills: ({ kills }) => kills,
  reconciliation: ({ reconciliation }) => reconciliation,
  dpop: ({ dpop }) => dpop,
  status_list: ({ statusList }) => statusList,
  tasks: ({ tasks }) => tasks,
  task_retention: ({ retention }) => retention.taskMs,
  lease_retention: ({ retention }) => retention.leaseMs,
  audit_retention: ({ retention }) => retention.auditMs,
  http: ({ http }) => http,
  log_level: ({ logLevel }) => logLevel,
};

const byName = ({ catalogue }: SwappableSettings) =>
  catalogue.all().toSorted((a, b) => (a.name < b.name ? -1 : 1));
const SWAPPABLE: Readonly<Record<Swappable, (settings: SwappableSettings) => unknown>> = {
  trust: ({ trust }) => trust,
  tools: (settings) => withDigests(byName(settings)),
  policies: ({ policies }) => policies?.files,
  limits: ({ limits }) => limits,
};

export type Swappable = 'trust' | 'tools' | 'policies' | 'limits';

/** `waiting`: what else the file changes, as `needs a restart: listen, keys`; absent where there is nothing. */
export type Reloaded =
  | {
      readonly swapped: true;
      readonly changed: readonly Swappable[];
      readonly generation: number;
      readonly waiting?: string;
    }
  | {
      readonly swapped: false;
      readonly why: string;
      readonly mistakes?: readonly Mistake[];
      readonly waiting?: string;
    };

export type SwapListener = (current: SwappableSettings, generation: number) => void;

/**
 * The settings in force. `current` is replaced as one object and never changed, so whoever takes it once
 * decides a whole request by one configuration.
 */
export class LiveSettings {
  readonly fixed: FixedSettings;
  #current: SwappableSettings;
  #generation = 1;
  readonly #load: () => Promise<Settings>;
  readonly #listeners = new Set<SwapListener>();
  #reloads: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings, load: () => Promise<Settings>) {
    this.fixed = settings;
    this.#current = swappableOf(settings);
    this.#load = load;
  }

  /** Throws a ConfigurationError as `loadSettings` does: a broker starts with a good file or not at all. */
  static async from(path: string, options: LoadOptions = {}): Promise<LiveSettings> {
    const reload = (): Promise<Settings> => loadSettings(path, { ...options, keepsCertificate: true });
    return new LiveSettings(await loadSettings(path, options), reload);
  }

  get current(): SwappableSettings {
    return this.#current;
  }

  /** Grows with every swap: what was derived under another generation is to be derived again. */
  get generation(): number {
    return this.#generation;
  }

  /** Calls at every swap, after it took effect. Returns what ends that. */
  onSwap(listener: SwapListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads the file again. One at a time, so that the last one asked for reads the file last. */
  reload(): Promise<Reloaded> {
    const reloaded = this.#reloads.then(() => this.#reload());
    this.#reloads = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(): Promise<Reloaded> {
    let next: Settings;
    try {
      next = await this.#load();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return { swapped: false, why: error.message, mistakes: error.mistakes };
    }
    const fixed = differing(FIXED, this.fixed, next);
    const waiting = fixed.length > 0 ? { waiting: `needs a restart: ${fixed.join(', ')}` } : {};
    const conflict = conflictBetween(this.fixed, next);
    if (conflict !== undefined) return { swapped: false, why: conflict, ...waiting };
    const changed = differing(SWAPPABLE, this.#current, next);
    if (changed.length === 0)
      return { swapped: false, why: waiting.waiting ?? 'nothing changed', ...waiting };
    // The same object where it says the same: nothing that was derived from it has to be derived anew.
    const trust = changed.includes('trust') ? next.trust : this.#current.trust;
    this.#current = swappableOf({ ...next, trust });
    this.#generation += 1;
    this.#announce();
    return { swapped: true, changed, generation: this.#generation, ...waiting };
  }

  /** The swap stands whatever a listener does; none of them keeps it from the others. */
  #announce(): void {
    const failures: unknown[] = [];
    for (const listener of this.#listeners) {
      try {
        listener(this.#current, this.#generation);
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0)
      throw new AggregateError(failures, 'the settings were swapped, but not everybody could follow');
  }
}

const swappableOf = ({ trust, catalogue, limits, policies, policyDigest }: Settings): SwappableSettings =>
  Object.freeze({ trust, catalogue, limits, ...(policies && { policies }), policyDigest });

function differing<Name extends string, From>(
  parts: Readonly<Record<Name, (settings: From) => unknown>>,
  one: From,
  other: From,
): Name[] {
  const names = Object.keys(parts) as Name[];
  return names.filter((name) => canonicalJson(parts[name](one)) !== canonicalJson(parts[name](other)));
}

/**
 * The file was checked against its own fixed settings. While those wait for a restart, its trust and tools
 * run beside the old ones, and must not contradict them either.
 */
function conflictBetween(running: FixedSettings, next: SwappableSettings): string | undefined {
  const itself = next.trust.find(({ issuer }) => sameUri(issuer, running.issuer));
  if (itself) return `trust ${itself.name} has the issuer that this broker still runs by: restart it`;
  const runs = next.trust.find((one) => one.kind === 'github' && one.runs);
  if (runs && running.retention.taskMs < RUN_WAITS_MS)
    return `runs of ${runs.name} may go on after the task_retention still in force: restart it`;
  for (const { name, audience, maxTtlMs } of next.catalogue.all()) {
    if (sameUri(audience, running.issuer))
      return `tool ${name} has the issuer that this broker still runs by: restart it`;
    if (maxTtlMs >= running.retention.taskMs)
      return `tool ${name} outlives the task_retention still in force: restart it`;
  }
  return undefined;
}
