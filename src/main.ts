// The composition root: configuration → parts → listening → drained. The only place that constructs.
import { schedule } from 'node-cron';
import type { Broker, Rules } from './broker.js';
import { cautionsAbout } from './config/cautions.js';
import { givenSealKeys } from './config/environment.js';
import type { LiveSettings } from './config/reload.js';
import type { FixedSettings, StoreSettings, SwappableSettings } from './config/settings.js';
import { systemClock } from './domain/clock.js';
import type { Clock } from './domain/clock.js';
import type { Secret } from './domain/secret.js';
import type { TraceContext } from './domain/trace-context.js';
import { showGauges } from './http/gauges.js';
import { openListeners } from './http/listeners.js';
import { trustedProxies } from './http/proxies.js';
import { securityHeaders } from './http/security-headers.js';
import { Authenticator } from './identity/authenticate.js';
import { Nonces } from './identity/dpop/nonces.js';
import { Proofs } from './identity/dpop/proofs.js';
import { KeySources } from './identity/key-source.js';
import { KeyRing } from './keys/key-ring.js';
import { developmentSealKeys } from './keys/development-seal-key.js';
import { Seal, SealError } from './keys/seal.js';
import { HeldCredentials } from './issuance/held-credentials.js';
import { Limits } from './limits/limits.js';
import { externalMinters } from './main/external-minters.js';
import { JwtMinter } from './minters/jwt/jwt-minter.js';
import type { Minter } from './minters/minter.js';
import { Targets } from './minters/targets.js';
import { cataloguePolicy } from './policy/catalogue-policy.js';
import { cedarPolicy } from './policy/cedar/cedar-policy.js';
import type { Policy } from './policy/policy.js';
import { meteredPolicy } from './policy/metered-policy.js';
import { Feed } from './revocation/feed/index.js';
import { Reconciler } from './revocation/reconcile/reconciler.js';
import { StatusLists } from './revocation/status-lists.js';
import { Sweeper } from './revocation/sweeper.js';
import { meteredStore } from './store/metered-store.js';
import type { Store } from './store/store.js';
import { finishReviews } from './tasks/review-tree.js';
import type { Log } from './telemetry/log.js';
import type { Metrics } from './telemetry/metrics.js';
import { PrometheusMetrics } from './telemetry/prometheus.js';
import { ownVersion } from './version.js';

export interface RunningBroker {
  /** Where it listens, with the port that it got. */
  readonly url: string;
  /** Looks now whether the files of our certificate have changed. */
  rereadCertificate(): Promise<void>;
  /** Finishes what is in flight, then closes the store. Safe to call twice. */
  stop(): Promise<void>;
}

/** What a reload replaces as a whole. */
interface InForce {
  readonly trust: SwappableSettings['trust'];
  readonly rules: Rules;
  readonly authenticator: Authenticator;
}

const policyOf = ({ catalogue, policies, policyDigest }: SwappableSettings): Policy =>
  policies ? cedarPolicy(policies.set, catalogue, policyDigest) : cataloguePolicy(catalogue, policyDigest);

/** Every half minute, beside the sweeper's own clock: the safety net. */
const SAFETY_NET = '*/30 * * * * *';
/** Other brokers open tasks, and may die before they end them: nothing stays open longer than this past its deadline. */
const LOOK_EVERY_MS = 500;

/** A review that takes longer was somebody's who died over it. */
const REVIEW_AFTER_MS = 5000;

/** Loads the adapter that is configured alone: the other's client library takes a tenth of the start. */
async function openStore(
  { store, retention, keys }: FixedSettings,
  clock: Clock,
  log: Log,
  metrics: Metrics,
): Promise<Store> {
  const terms = { retention, clockSkewMs: keys.clockSkewMs };
  if (store.kind === 'redis') {
    const { openRedisStore } = await import('./store/redis/redis-store.js');
    // Redis tells the time itself: brokers with clocks of their own would not agree.
    return openRedisStore({ redis: store, ...terms, log: counted(log, metrics) });
  }
  const { openEmbeddedStore } = await import('./store/embedded/embedded-store.js');
  return openEmbeddedStore({ path: store.path, clock, ...terms });
}

/** The store tells of connections that broke, and of state that was lost, by warnings alone. */
const counted = (log: Log, metrics: Metrics): { warn(facts: object, message: string): void } => ({
  warn: (facts: object, message: string) => {
    metrics.count('store_warnings_total');
    log.warn(facts, message);
  },
});

const placeOf = (store: StoreSettings): string =>
  store.kind === 'embedded' ? store.path : `${store.servers.mode} Redis, prefix ${store.prefix}`;

const sharing = ({ store }: FixedSettings): { lookEveryMs?: number } =>
  store.kind === 'redis' ? { lookEveryMs: LOOK_EVERY_MS } : {};

/** Brokers that share a store open what each other sealed: none can make up a key for itself. */
function ownSealKeys({ issuer, store }: FixedSettings, log: Log): Secret[] {
  if (store.kind === 'embedded') return developmentSealKeys({ issuer, store }, log);
  throw new SealError(
    'MAYFLY_SEAL_KEY is not set: give all brokers on this Redis the same 32 random bytes in base64, as `openssl rand -base64 32` makes them',
  );
}

/** @throws ConfigurationError, StoreUnavailable or SealError with what to change. */
export async function startBroker(
  live: LiveSettings,
  log: Log,
  clock: Clock = systemClock(),
): Promise<RunningBroker> {
  const settings = live.fixed;
  for (const caution of cautionsAbout({ ...settings, ...live.current })) log.warn(caution);
  const metrics = new PrometheusMetrics();
  const store = meteredStore(await openStore(settings, clock, log, metrics), metrics);
  try {
    const seal = new Seal(givenSealKeys() ?? ownSealKeys(settings, log));
    const { keys: keySettings } = settings;
    const keys = await KeyRing.open({ ...keySettings, store, seal, clock, use: 'credential' });
    const { issuer, statusList } = settings;
    const feedKeys = await KeyRing.open({ ...keySettings, store, seal, clock, use: 'feed' });
    const receiptKeys = await KeyRing.open({
      ...keySettings,
      store,
      seal,
      clock,
      use: 'receipt',
      keepsAll: true,
    });
    // STS takes no Ed25519.
    const algorithm = keySettings.algorithm === 'RS256' ? 'RS256' : 'ES256';
    const awsKeys = await KeyRing.open({ ...keySettings, store, seal, clock, use: 'aws', algorithm });
    const minters = new Map<string, Minter>([['jwt', new JwtMinter(issuer, keys, statusList !== undefined)]]);
    const unseal = (sealed: string, context: string): string => seal.open(sealed, context).toString('utf8');
    const targets = new Targets({ clock, log });
    const mostAttempts = settings.kills.attempts;
    const parts = { store, minters, targets, unseal, clock, log, mostAttempts };
    const sweeper = new Sweeper({ ...parts, ...sharing(settings) });

    const fetched = (trust: string, outcome: string): void =>
      metrics.count('issuer_fetches_total', trust, outcome);
    const sources = new KeySources(clock, undefined, fetched);
    const looked = (result: string): void => metrics.count('token_cache_lookups_total', result);
    const inForce = (swappable: SwappableSettings, before?: InForce): InForce => {
      const { catalogue, policies, trust } = swappable;
      for (const { file, line, message } of policies?.warnings ?? [])
        log.warn({ file, line }, `policies: ${message}`);
      // Whose trust did not change is remembered: a flood must not find everybody unknown because a limit was changed.
      const authenticator =
        before?.trust === trust
          ? before.authenticator
          : new Authenticator({
              trust,
              ownIssuer: settings.issuer,
              clock,
              store,
              sources,
              looked,
              inForce: () => force.authenticator,
            });
      const policy = meteredPolicy(policyOf(swappable), metrics);
      const runPrefixes = trust.flatMap((one) =>
        one.kind === 'github' && one.runs ? [one.runs.prefix] : [],
      );
      return { rules: { catalogue, policy, runPrefixes }, trust, authenticator };
    };
    const external = externalMinters(minters, {
      issuer,
      store,
      clock,
      log,
      awsKeys,
      wake: () => sweeper.wake(),
    });
    external.apply(live.current.catalogue);
    let force = inForce(live.current);
    const alone = settings.store.kind === 'embedded';
    const limits = new Limits({ settings: live.current.limits, store, clock, log, alone });
    const { heartbeatMs } = settings.feed;
    const feed = await Feed.open({ issuer: settings.issuer, store, keys: feedKeys, heartbeatMs, log });
    live.onSwap((swappable) => {
      const { trust } = force;
      external.apply(swappable.catalogue);
      force = inForce(swappable, force);
      limits.apply(swappable.limits);
      // Whoever may read no more finds it out by coming back.
      if (force.trust !== trust) feed.release('trust_changed');
    });

    const broker: Broker = {
      issuer: settings.issuer,
      store,
      clock,
      keys,
      minters,
      targets,
      maxTaskTtlMs: settings.tasks.maxTtlMs,
      listed: statusList !== undefined,
      limits,
      rules: () => force.rules,
      wake: (work) => sweeper.wake(work),
      report: (error, what) => log.error({ err: error }, what),
    };
    let reviewing = false;
    const review = async (forMs: number): Promise<void> => {
      if (reviewing) return;
      reviewing = true;
      await finishReviews(broker, forMs).catch((error: unknown) =>
        log.error({ err: error }, 'what a change of context may have ended could not be decided again'),
      );
      reviewing = false;
    };
    const catalogue = () => force.rules.catalogue;
    const { everyMs } = settings.reconciliation;
    const reconciler = new Reconciler({ store, minters, targets, catalogue, clock, log, metrics, everyMs });
    const nonces = new Nonces(seal.derived(`dpop nonces of ${settings.issuer}`));
    const held = new HeldCredentials();
    const proofs = new Proofs({ terms: settings.dpop, nonces, clock, store });
    let draining = false;
    const edge = {
      broker,
      feed,
      feedKeys,
      receiptKeys,
      reconciler,
      awsKeys,
      held,
      ...(statusList && { statusLists: new StatusLists({ issuer, store, keys, clock, ...statusList }) }),
      authenticate: (token: string, trace?: TraceContext, forKill?: boolean) =>
        force.authenticator.authenticate(token, trace, forKill),
      remembers: (token: string) => force.authenticator.remembers(token),
      trust: () => force.authenticator,
      proofs,
      log,
      metrics,
      metricsPage: () => metrics.page(),
      bodyLimitBytes: settings.http.bodyLimitBytes,
      proxies: trustedProxies(settings.trustedProxies),
      securityHeaders: securityHeaders(settings.issuer.startsWith('https:') || settings.tls !== undefined),
      draining: () => draining,
    };
    metrics.read('issuer_keys_age_seconds', () =>
      force.trust.flatMap((one) => {
        const { fetchedAgoMs } = sources.of(one);
        return fetchedAgoMs === undefined ? [] : [{ labels: [one.name], value: fetchedAgoMs / 1000 }];
      }),
    );
    showGauges(edge, { version: ownVersion(), store: settings.store.kind });
    const listeners = await openListeners(edge, settings);
    sweeper.wake();
    const turnKeys = (): void =>
      void Promise.all([keys, feedKeys, receiptKeys, awsKeys].map((ring) => ring.turn())).catch(
        (error: unknown) => log.error({ err: error }, 'the signing keys could not be looked after'),
      );
    // What another broker rotated or killed is used, or dropped, here too.
    store.watch((news) => {
      if (news.kind !== 'revocation' || news.revocation.kind === 'key') turnKeys();
      if (news.kind !== 'signing_keys') limits.somethingEnded();
    });
    // Of one that has the store to itself, nobody else's are left over but those of the broker before it.
    void review(0);
    const reviews = alone
      ? undefined
      : setInterval(() => void review(REVIEW_AFTER_MS), REVIEW_AFTER_MS).unref();
    const net = schedule(SAFETY_NET, () => {
      sweeper.wake();
      void review(REVIEW_AFTER_MS);
      turnKeys();
      reconciler.look();
    });

    const { url } = listeners;
    log.info({ url, issuer: settings.issuer, store: placeOf(settings.store) }, 'listening');

    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      draining = true;
      await net.destroy();
      clearInterval(reviews);
      feed.stop();
      await listeners.drain();
      await Promise.all([sweeper.stop(), reconciler.stop()]);
      held.clear();
      await external.close();
      await limits.stop();
      await store.close();
      log.info('stopped');
    };
    return { url, rereadCertificate: () => listeners.rereadCertificate(), stop: () => (stopped ??= stop()) };
  } catch (error) {
    await store.close();
    throw error;
  }
}
