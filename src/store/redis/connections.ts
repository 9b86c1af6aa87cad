// The connections to Redis: one for calls, one for kills, which never queue behind calls, and one for news.
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis } from 'ioredis';
import type { ClusterOptions, RedisOptions as ClientOptions } from 'ioredis';

type DNSLookupFunction = NonNullable<ClusterOptions['dnsLookup']>;
import { StoreUnavailable } from '../store.js';
import type { RedisOptions, RedisTls } from './options.js';
import type { Script } from './scripts.js';

export type Client = Redis | Cluster;
export type Lane = 'calls' | 'kills';

const CONNECT_TIMEOUT_MS = 2_000;
const LONGEST_RETRY_MS = 500;
/** How often the nodes of a cluster are asked who has which slots. */
const REFRESH_MS = 1_000;
const LOOK_AGAIN_MS = 20;

const retryAfter = (times: number): number => Math.min(20 * 2 ** Math.min(times, 6), LONGEST_RETRY_MS);

export interface ConnectionLog {
  warn(facts: object, message: string): void;
}

export class Connections {
  readonly #options: RedisOptions;
  readonly #log: ConnectionLog;
  readonly #lanes: Readonly<Record<Lane, Client>>;
  readonly news: Client;
  #closed = false;
  /** Called where a server is not the one that it was: it may have forgotten something. */
  onAnotherServer: (why: string) => void = () => {};
  /** The processes that answered when we last looked, and whether there was a new connection since. */
  #runs = new Set<string>();
  #unseen = false;
  #looking: Promise<void> | undefined;
  /** The last thing that a connection complained of. */
  #complaint: string | undefined;

  constructor(options: RedisOptions, log: ConnectionLog) {
    this.#options = options;
    this.#log = log;
    this.#lanes = { calls: this.#connect('calls'), kills: this.#connect('kills') };
    this.news = this.#connect('news');
  }

  get closed(): boolean {
    return this.#closed;
  }

  get complaint(): string | undefined {
    return this.#complaint;
  }

  /** A connection to ask servers about themselves. */
  get calls(): Client {
    return this.#lanes.calls;
  }

  /** Every server that may be written to. */
  masters(): Redis[] {
    const { calls } = this.#lanes;
    return calls instanceof Cluster ? calls.nodes('master') : [calls];
  }

  async connected(): Promise<void> {
    for (const client of [...Object.values(this.#lanes), this.news]) await this.#ready(client);
    this.#runs = await this.#runsOfMasters();
    const { calls } = this.#lanes;
    for (const event of ['close', '+node', '-node']) calls.on(event, () => this.#lookAgain());
  }

  /** A process that was not there before was started anew, or promoted: what it holds may be older. */
  #lookAgain(): void {
    this.#unseen = true;
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
  }

  async #look(): Promise<void> {
    while (this.#unseen && !this.#closed) {
      this.#unseen = false;
      try {
        const runs = await this.#runsOfMasters();
        const fresh = [...runs].some((run) => !this.#runs.has(run));
        this.#runs = runs;
        if (fresh) this.onAnotherServer('another server process answers');
      } catch {
        // Nobody is there yet, or went away again.
        this.#unseen = true;
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
        this.refresh();
      }
    }
  }

  async #runsOfMasters(): Promise<Set<string>> {
    const infos = await Promise.all(this.masters().map((server) => server.info('server')));
    return new Set(infos.map((info) => /run_id:(\w+)/.exec(info)?.[1] ?? ''));
  }

  /** Runs a script once. What was sent and not answered may or may not have run. */
  async run(script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const { calls } = this.#lanes;
    // Who answers has to be known before anything is asked: the check goes first on every new connection.
    if (this.#looking) throw new Error("the connection isn't ready: its server is looked at first");
    try {
      return await calls.evalsha(script.sha1, 1, key, ...args);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      return await calls.eval(script.lua, 1, key, ...args);
    }
  }

  /**
   * The same for a kill: resolves once so many replicas have it as are asked for.
   *
   * @throws StoreUnavailable where it is in force, but fewer replicas said in time that they have it.
   */
  async runKill(script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const { minReplicas, replicaTimeoutMs } = this.#options;
    const { kills } = this.#lanes;
    const send = (whole: boolean): Promise<[Error | null, unknown][] | null> => {
      const pipeline = kills.pipeline();
      if (whole) pipeline.eval(script.lua, 1, key, ...args);
      else pipeline.evalsha(script.sha1, 1, key, ...args);
      if (minReplicas > 0) pipeline.call('WAIT', minReplicas, replicaTimeoutMs);
      return pipeline.exec();
    };
    let [ran, waited] = (await send(false)) ?? [];
    if (ran?.[0] && isNoScript(ran[0])) [ran, waited] = (await send(true)) ?? [];
    if (!ran) throw new StoreUnavailable('a kill was not sent');
    if (ran[0]) throw ran[0];
    if (minReplicas > 0) {
      if (waited?.[0]) throw waited[0];
      const have = Number(waited?.[1]);
      if (have < minReplicas) throw new TooFewReplicas(have, minReplicas);
    }
    return ran[1];
  }

  /** Asks a cluster anew who has which slots. */
  refresh(): void {
    for (const client of Object.values(this.#lanes))
      if (client instanceof Cluster) client.refreshSlotsCache(() => {});
  }

  close(): void {
    this.#closed = true;
    for (const client of [...Object.values(this.#lanes), this.news]) client.disconnect();
  }

  #connect(role: Lane | 'news'): Client {
    const { servers } = this.#options;
    const client =
      servers.mode === 'cluster'
        ? new Cluster([...servers.nodes], this.#clusterOptions(role))
        : new Redis({ ...addressOf(this.#options), ...this.#clientOptions(role) });
    client.on('error', (error: Error) => this.#complain(role, error));
    client.on('node error', (error: Error) => this.#complain(role, error));
    return client;
  }

  #complain(role: string, error: Error): void {
    if (this.#closed || error.message === this.#complaint) return;
    this.#complaint = error.message;
    this.#log.warn({ err: error, connection: role }, 'a connection to Redis complains');
  }

  #clientOptions(role: Lane | 'news'): ClientOptions & { replyMapping: 'legacy' } {
    const { username, password, tls, commandTimeoutMs, replicaTimeoutMs } = this.#options;
    const certificate =
      tls?.certificate === undefined ? {} : { cert: tls.certificate, key: tls.key?.reveal() };
    return {
      connectionName: `mayfly-${role}`,
      protocol: 2,
      replyMapping: 'legacy',
      ...(username !== undefined && { username }),
      ...(password && { password: password.reveal() }),
      ...(tls && { tls: tlsOptions(tls) }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: commandTimeoutMs + (role === 'kills' ? replicaTimeoutMs : 0),
      keepAlive: 10_000,
      // A call is said again by whoever knows that it may have been heard: see slots.ts.
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: role === 'news',
      maxRetriesPerRequest: role === 'news' ? null : 0,
      retryStrategy: retryAfter,
      // After a failover the old master answers that it is a replica now.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
      enableAutoPipelining: role === 'calls',
    };
  }

  #clusterOptions(role: Lane | 'news') {
    const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = this.#clientOptions(role);
    return {
      redisOptions,
      clusterRetryStrategy: retryAfter,
      enableOfflineQueue: role === 'news',
      enableAutoPipelining: role === 'calls',
      slotsRefreshInterval: REFRESH_MS,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      shardedSubscribers: role === 'news',
      // Certificates name hosts.
      ...(this.#options.tls && { dnsLookup }),
    } satisfies ClusterOptions;
  }

  async #ready(client: Client): Promise<void> {
    if (client.status === 'ready') return;
    const withinMs = 2 * CONNECT_TIMEOUT_MS;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(this.#unreachable(`no connection within ${withinMs} ms`)),
        withinMs,
      );
      client.once('ready', () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  #unreachable(why: string): StoreUnavailable {
    return new StoreUnavailable(`Redis cannot be reached: ${this.#complaint ?? why}`);
  }
}

const dnsLookup: DNSLookupFunction = (address, told) => told(null, address);

const tlsOptions = ({ ca, certificate, key, serverName }: RedisTls): ConnectionOptions => ({
  ...(ca !== undefined && { ca }),
  ...(certificate !== undefined && { cert: certificate }),
  ...(key && { key: key.reveal() }),
  ...(serverName !== undefined && { servername: serverName }),
});

function addressOf({ servers, tls }: RedisOptions): ClientOptions {
  if (servers.mode === 'standalone') return { host: servers.host, port: servers.port, db: servers.database };
  if (servers.mode === 'cluster') return {};
  const { sentinels, master, sentinelUsername, sentinelPassword } = servers;
  return {
    sentinels: [...sentinels],
    name: master,
    sentinelRetryStrategy: retryAfter,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword: sentinelPassword.reveal() }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls) }),
  };
}

/** A kill is in force where it was said, and too few replicas have it: it would be lost with its server. */
export class TooFewReplicas extends StoreUnavailable {
  constructor(have: number, wanted: number) {
    super(
      `${have} of ${wanted} replicas have the kill: it is in force, and would be lost with its server; say it again`,
    );
  }
}

const isNoScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');
