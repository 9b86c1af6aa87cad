// Checks credentials in memory, and knows within milliseconds which of them are dead.
import { Channel } from '../client/channel.js';
import { MayflyError } from '../client/errors.js';
import type { VerifiedCredential } from './credential.js';
import type { VerifierEvent } from './events.js';
import { Feed } from './feed/feed.js';
import { Knowledge } from './feed/knowledge.js';
import { type Denied, Gate } from './gate.js';
import { Introspection } from './introspection.js';
import { Keys } from './keys.js';
import { checked } from './checked-options.js';
import type { ProtectedTool, VerifierOptions, Want } from './options.js';
import { ShownProofs } from './proofs.js';
import { type CredentialRefused, refusedFor } from './refused.js';
import { acceptedCall, refusedCall } from './reported-call.js';
import { Reports } from './reports.js';
import type { VerifierStatus } from './status.js';
import { Elapsed, type MachineClocks, machineClocks } from './time/elapsed.js';
import { StoreTime } from './time/store-time.js';
import { FirstSight } from './token/first-sight.js';
import { KnownTokens } from './token/known.js';
import { type Watch, Watches } from './watches.js';

const READY_WITHIN_MS = 10_000;
const MOST_LOOK_MS = 250;

/**
 * Stands before tools: follows the broker's feed of kills, and checks each credential against it without a call. It
 * accepts nothing before the first snapshot, nor when what it knows is older than `maxStalenessMs`.
 *
 * @example
 * await using verifier = new Verifier({ broker, token: { file: '/token' }, tools: { crm: { audience, plane: 'data' } } });
 * const credential = await verifier.verify(token, { tool: 'crm', action: 'read' });
 */
export class Verifier implements AsyncDisposable {
  readonly #options: ReturnType<typeof checked>;
  readonly #knowledge: Knowledge;
  readonly #known: KnownTokens;
  readonly #keys: Keys;
  /** Apart from the keys of credentials: nothing that either signed passes as the other's. */
  readonly #feedKeys: Keys;
  readonly #feed: Feed;
  readonly #gate: Gate;
  readonly #reports: Reports;
  readonly #watches = new Watches();
  readonly #looking: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();
  #lastReason = 'the broker has not answered yet';
  #wasFresh = true;
  #closed = false;

  /**
   * Begins to follow the feed.
   *
   * @param clocks this machine's: a test may hand in others
   * @throws MayflyError `ERR_USAGE`
   */
  constructor(options: VerifierOptions, clocks: MachineClocks = machineClocks) {
    const channel = new Channel({ ...options, url: options.broker, retries: 0 });
    const terms = checked(options, channel.url);
    this.#options = terms;
    const { issuer, maxStalenessMs, whenStale, fetch: fetched, open } = terms;
    const time = new Elapsed(clocks);
    const elapsed = (): number => time.most();
    const keysAt = (path: string): Keys =>
      new Keys({
        url: `${channel.url}${path}`,
        fetch: fetched,
        elapsed,
        unreachable: (reason) => this.#tell('keys_unreachable', { reason }),
      });
    this.#knowledge = new Knowledge(new StoreTime(time));
    this.#known = new KnownTokens(terms.mostRemembered);
    this.#keys = keysAt('/jwks');
    this.#feedKeys = keysAt('/jwks/feed');
    this.#reports = new Reports(channel, (count, reason) => this.#tell('reports_lost', { count, reason }));
    this.#gate = new Gate({
      knowledge: this.#knowledge,
      keys: this.#keys,
      firstSight: new FirstSight({ issuer, keys: this.#keys }),
      known: this.#known,
      proofs: new ShownProofs(() => this.#tell('proofs_full')),
      introspection: new Introspection(channel),
      elapsed,
      maxStalenessMs,
      whenStale,
    });
    void this.#keys.refresh()?.then(() => this.#look());
    this.#feed = new Feed({
      issuer,
      keys: this.#feedKeys,
      channel,
      open,
      knowledge: this.#knowledge,
      maxStalenessMs,
      elapsed,
      tell: (kind, facts) => this.#tell(kind, facts),
      stepped: () => this.#look(),
    });
    this.#looking = setInterval(() => this.#look(), Math.min(MOST_LOOK_MS, maxStalenessMs / 4)).unref();
  }

  /**
   * Resolves with the first proven snapshot. There is no need to wait: until then, credentials are refused.
   *
   * @throws MayflyError `ERR_TIMEOUT` after `timeoutMs`, 10,000 ms unless you say otherwise
   */
  ready({ timeoutMs = READY_WITHIN_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const message = `no snapshot of what is revoked within ${timeoutMs} ms: ${this.#lastReason}`;
        reject(new MayflyError('ERR_TIMEOUT', message));
      }, timeoutMs);
      const look = (): void => {
        if (!this.#isReady && !this.#closed) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (this.#isReady) resolve();
        else reject(new MayflyError('ERR_USAGE', 'the verifier was closed'));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /**
   * The credential, if it opens this call at this moment.
   *
   * @param token as it was shown, without the scheme; undefined where nothing was
   * @throws CredentialRefused with a `code` for you, and `status` and `wwwAuthenticate` for the caller
   * @throws MayflyError `ERR_USAGE` for a tool that this verifier was not told of, and for what is no text
   */
  verify(token: string | undefined, want: Want): Promise<VerifiedCredential> {
    const tool = this.#options.tools.get(want.tool);
    if (!tool) return Promise.reject(noSuchTool(want.tool));
    if (!isText(want.resource ?? '') || !isText(want.action ?? '')) return Promise.reject(noText());
    if (this.#closed) return Promise.reject(this.#refusal({ denied: 'ERR_STALE' }, want, tool));
    const verdict = this.#gate.judge(token, want, tool);
    if (verdict instanceof Promise) return verdict.then((came) => this.#conclude(came, want, tool));
    if ('denied' in verdict) return Promise.reject(this.#refusal(verdict, want, tool));
    this.#accepted(verdict, want);
    return Promise.resolve(verdict);
  }

  /**
   * For what outlives a call, as a session or a stream does: its signal aborts when the credential dies. That what is
   * known has become stale is no death; each further call is refused by `verify`. Where there is none, as in a stream that
   * goes on by itself, `endsWhenStale` ends that as well, unless staleness is a matter of introspection.
   *
   * @param credential from this verifier: any other counts as dead
   */
  watch(
    credential: VerifiedCredential,
    { endsWhenStale = false }: { readonly endsWhenStale?: boolean } = {},
  ): Watch {
    const ends = endsWhenStale && this.#options.whenStale === 'refuse';
    return this.#watches.add(() => {
      if (this.#closed) return 'ERR_REVOKED';
      return this.#gate.death(credential) ?? (ends && !this.#isFresh ? 'ERR_STALE' : undefined);
    });
  }

  /**
   * Tells the audit log of a call that `verify` did not see as one: it was verified with `action: null`, and judged with
   * `permits`.
   */
  reportCall(credential: VerifiedCredential, want: Want, refused?: CredentialRefused): void {
    if (refused) this.#denied({ denied: refused.code, credential }, want);
    else this.#accepted(credential, want);
  }

  /** How old what is known of kills may be, at most; Infinity before the first snapshot. */
  get stalenessMs(): number {
    return this.#knowledge.stalenessMs;
  }

  get status(): VerifierStatus {
    return {
      ready: this.#isReady,
      connected: this.#feed.connected,
      fresh: this.#isFresh,
      stalenessMs: this.stalenessMs,
      kills: this.#knowledge.union.size,
      remembered: this.#known.size,
      reports: { waiting: this.#reports.waiting, lost: this.#reports.lost },
    };
  }

  /** What its broker calls itself: `iss` of every credential that it accepts. */
  get issuer(): string {
    return this.#options.issuer;
  }

  /** What it was told of its tools. @throws MayflyError `ERR_USAGE` */
  tool(name: string): ProtectedTool {
    const tool = this.#options.tools.get(name);
    if (!tool) throw noSuchTool(name);
    return tool;
  }

  /** Accepts nothing any more, sends the reports that are left, and lets go of the broker. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    this.#look();
    this.#watches.close();
    await Promise.all([this.#feed.close(), this.#reports.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isReady(): boolean {
    return this.#knowledge.ready && this.#keys.fetched;
  }

  get #isFresh(): boolean {
    return this.stalenessMs <= this.#options.maxStalenessMs;
  }

  #conclude(verdict: VerifiedCredential | Denied, want: Want, tool: ProtectedTool): VerifiedCredential {
    if ('denied' in verdict) throw this.#refusal(verdict, want, tool);
    this.#accepted(verdict, want);
    return verdict;
  }

  #refusal(denied: Denied, want: Want, { resourceMetadata }: ProtectedTool): CredentialRefused {
    this.#denied(denied, want);
    return refusedFor(denied.denied, {
      ...(want.action !== null && { action: want.action }),
      ...(resourceMetadata !== undefined && { resourceMetadata }),
      dpop: want.request?.scheme === 'DPoP',
    });
  }

  #accepted(credential: VerifiedCredential, want: Want): void {
    if (this.#options.reportCalls && want.action !== null) this.#reports.add(acceptedCall(credential, want));
  }

  #denied(denied: Denied, want: Want): void {
    // Whoever listens hears of it no later than whoever is refused.
    if (denied.denied === 'ERR_STALE' && this.#wasFresh) this.#look();
    // Of whoever showed nothing there is nothing to tell.
    if (this.#options.reportCalls && denied.denied !== 'ERR_TOKEN_MISSING')
      this.#reports.add(refusedCall(denied, want));
  }

  /** After whatever may have changed something, and from time to time, as time itself changes things. */
  #look(): void {
    if (!this.#closed) {
      void this.#keys.keepFresh()?.then(() => this.#look());
      void this.#feedKeys.keepFresh();
    }
    this.#watches.look();
    for (const look of this.#waiting) look();
    if (!this.#knowledge.ready || this.#isFresh === this.#wasFresh) return;
    this.#wasFresh = this.#isFresh;
    this.#tell(this.#wasFresh ? 'fresh' : 'stale');
  }

  #tell(
    kind: VerifierEvent['kind'],
    facts: { readonly reason?: string; readonly count?: number } = {},
  ): void {
    if (facts.reason !== undefined && kind !== 'reports_lost') this.#lastReason = facts.reason;
    const { onEvent } = this.#options;
    if (!onEvent) return;
    const { stalenessMs } = this;
    try {
      onEvent({ kind, at: Date.now(), ...facts, ...(Number.isFinite(stalenessMs) && { stalenessMs }) });
    } catch {
      // What is wrong with whoever listens must not stop the feed.
    }
  }
}

const noSuchTool = (name: string): MayflyError =>
  new MayflyError('ERR_USAGE', `the verifier was not told of a tool ${JSON.stringify(name)}`);

const isText = (value: unknown): boolean => typeof value === 'string';

/** What is read off a request has the form that its caller gave it: a list, say, by naming it twice. */
const noText = (): MayflyError =>
  new MayflyError('ERR_USAGE', 'the action and the resource of a call are text, or left out');
