// The composition root: configuration → parts → listening → drained. The only place that constructs.
import { schedule } from 'node-cron';
import type { Broker, Rules } from './broker.js';
import { cautionsAbout } from './config/cautions.js';
import { givenSealKeys } from './config/environment.js';
import type { LiveSettings } from './config/reload.js';
import type { SwappableSettings } from './config/settings.js';
import { systemClock } from './domain/clock.js';
import type { Clock } from './domain/clock.js';
import { listen } from './http/server.js';
import { Authenticator } from './identity/authenticate.js';
import { KeySources } from './identity/key-source.js';
import { KeyRing } from './keys/key-ring.js';
import { developmentSealKeys } from './keys/development-seal-key.js';
import { Seal } from './keys/seal.js';
import { JwtMinter } from './minters/jwt/jwt-minter.js';
import type { Minter } from './minters/minter.js';
import { cataloguePolicy } from './policy/catalogue-policy.js';
import type { Policy } from './policy/policy.js';
import { unevaluatedPolicy } from './policy/unevaluated-policy.js';
import { Sweeper } from './revocation/sweeper.js';
import { openEmbeddedStore } from './store/embedded/embedded-store.js';
import type { Log } from './telemetry/log.js';

export interface RunningBroker {
  /** Where it listens, with the port that it got. */
  readonly url: string;
  /** Finishes what is in flight, then closes the store. Safe to call twice. */
  stop(): Promise<void>;
}

/** What a reload replaces as a whole. */
interface InForce {
  readonly rules: Rules;
  readonly authenticator: Authenticator;
}

/** Policies that nobody evaluates must not look as if somebody did. */
const policyOf = ({ catalogue, policies, policyDigest }: SwappableSettings): Policy =>
  policies ? unevaluatedPolicy(policyDigest) : cataloguePolicy(catalogue, policyDigest);

/** Every half minute, beside the sweeper's own clock: the safety net. */
const SAFETY_NET = '*/30 * * * * *';

/** @throws ConfigurationError, StoreUnavailable or SealError with what to change. */
export async function startBroker(
  live: LiveSettings,
  log: Log,
  clock: Clock = systemClock(),
): Promise<RunningBroker> {
  const settings = live.fixed;
  for (const caution of cautionsAbout(settings)) log.warn(caution);
  // The adapter for the other kind is under way.
  const place = settings.store;
  if (place.kind !== 'embedded') throw new Error('this version cannot open a Redis store yet');
  const store = openEmbeddedStore({
    path: place.path,
    clock,
    retention: settings.retention,
    clockSkewMs: settings.keys.clockSkewMs,
  });
  try {
    const seal = new Seal(
      givenSealKeys() ?? developmentSealKeys({ issuer: settings.issuer, store: place }, log),
    );
    const { keys: keySettings } = settings;
    const keys = await KeyRing.open({ ...keySettings, store, seal, clock, use: 'credential' });
    const minters = new Map<string, Minter>([['jwt', new JwtMinter(settings.issuer, keys)]]);
    const unseal = (sealed: string, context: string): string => seal.open(sealed, context).toString('utf8');
    const sweeper = new Sweeper({ store, minters, unseal, clock, log });

    const sources = new KeySources(clock);
    const inForce = (swappable: SwappableSettings): InForce => {
      const { catalogue, policies, trust } = swappable;
      if (policies)
        log.error('policies are configured, and this version evaluates none: every request is denied');
      const authenticator = new Authenticator({ trust, ownIssuer: settings.issuer, clock, store, sources });
      return { rules: { catalogue, policy: policyOf(swappable) }, authenticator };
    };
    let force = inForce(live.current);
    live.onSwap((swappable) => (force = inForce(swappable)));

    const broker: Broker = {
      issuer: settings.issuer,
      store,
      clock,
      keys,
      minters,
      maxTaskTtlMs: settings.tasks.maxTtlMs,
      rules: () => force.rules,
      wake: () => sweeper.wake(),
      report: (error, what) => log.error({ err: error }, what),
    };
    let draining = false;
    const edge = {
      broker,
      authenticate: (token: string) => force.authenticator.authenticate(token),
      trust: () => force.authenticator,
      log,
      bodyLimitBytes: settings.http.bodyLimitBytes,
      draining: () => draining,
    };
    const server = await listen(edge, { ...settings.http, ...settings.listen });
    sweeper.wake();
    const net = schedule(SAFETY_NET, () => {
      sweeper.wake();
      keys
        .turn()
        .catch((error: unknown) => log.error({ err: error }, 'the signing keys could not be looked after'));
    });

    const host = settings.listen.host.includes(':') ? `[${settings.listen.host}]` : settings.listen.host;
    const url = `http://${host}:${server.port}`;
    log.info({ url, issuer: settings.issuer, store: place.path }, 'listening');

    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      draining = true;
      await net.destroy();
      await server.drain();
      await sweeper.stop();
      await store.close();
      log.info('stopped');
    };
    return { url, stop: () => (stopped ??= stop()) };
  } catch (error) {
    await store.close();
    throw error;
  }
}
