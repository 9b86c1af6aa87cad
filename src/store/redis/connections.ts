// The connections to Redis, and what is known of the servers at their other end.
import { Cluster, Redis } from 'ioredis';
import { StoreUnavailable } from '../store.js';
import type { Client, Role } from './client-options.js';
import { clientOptions, CONNECT_TIMEOUT_MS, clusterOptions } from './client-options.js';
import { Followers } from './followers.js';
import type { RedisOptions } from './options.js';
import type { Script } from './scripts.js';

/**
 * Kills, reservations and replay keys wait for replicas as configured; a kill goes by a connection of its own, and so
 * does the replay key of who brings it, which waits for nobody.
 */
export type Lane = 'calls' | 'kills' | 'kill-callers' | 'reservations';

const LOOK_AGAIN_MS = 20;
/** How often the nodes of a cluster are asked who has which slots. */
const REFRESH_MS = 1_000;
/**
 * Where kills wait for replicas, a master that none has followed for so long may have been replaced without knowing:
 * nothing more is asked of it. Shorter than any failover: docs/operations.md tells what to set.
 */
const MOST_ALONE_MS = 1_500;
const FOLLOWED_EVERY_MS = 400;
/** A replica that follows says so every second. */
const MOST_LAG_SECONDS = 1;

export interface ConnectionLog {
  warn(facts: object, message: string): void;
}

export class Connections {
  readonly #options: RedisOptions;
  readonly #log: ConnectionLog;
  readonly #clients: Readonly<Record<Role, Client>>;
  readonly #followers: Followers;
  #closed = false;
  /** Called where a server is not the one that it was: it may have forgotten something. */
  onAnotherServer: (why: string) => void = () => {};
  /** The processes that answered when we last looked, and whether there was a new connection since. */
  #runs = new Set<string>();
  #unseen = false;
  #looking: Promise<void> | undefined;
  /** When enough replicas of every master were last known to follow (of `performance.now`). */
  #followedAt = -Infinity;
  #following: NodeJS.Timeout | undefined;
  readonly #refreshing: NodeJS.Timeout;
  /** The last thing that a connection complained of, and all that it has since one was well: each is told once. */
  #complaint: string | undefined;
  readonly #told = new Set<string>();

  constructor(options: RedisOptions, log: ConnectionLog) {
    this.#options = options;
    this.#log = log;
    const connect = (role: Role): Client => this.#connect(role);
    this.#clients = {
      calls: connect('calls'),
      kills: connect('kills'),
      waits: connect('waits'),
      news: connect('news'),
    };
    this.#refreshing = setInterval(() => this.refresh(), REFRESH_MS).unref();
    this.#followers = new Followers({
      client: this.#clients.waits,
      least: options.minReplicas,
      withinMs: options.replicaTimeoutMs,
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A connection to ask servers about themselves. */
  get calls(): Client {
    return this.#clients.calls;
  }

  /** The one that subscribes. */
  get news(): Client {
    return this.#clients.news;
  }

  /** Every server that may be written to. */
  masters(): Redis[] {
    const { calls } = this.#clients;
    return calls instanceof Cluster ? calls.nodes('master') : [calls];
  }

  async connected(): Promise<void> {
    for (const client of Object.values(this.#clients)) await this.#ready(client);
    this.#runs = await this.#runsOfMasters();
    if (this.#options.minReplicas > 0) await this.#followed();
    const { calls } = this.#clients;
    for (const event of ['close', '+node', '-node']) calls.on(event, () => this.#lookAgain());
  }

  /** A process that was not there before was started anew, or promoted: what it holds may be older. */
  #lookAgain(): void {
    this.#unseen = true;
    this.#looking ??= this.#lookUntilSeen();
  }

  async #lookUntilSeen(): Promise<void> {
    const another = await this.#look();
    this.#looking = undefined;
    if (another) this.onAnotherServer('another server process answers');
  }

  async #look(): Promise<boolean> {
    let another = false;
    while (this.#unseen && !this.#closed) {
      this.#unseen = false;
      try {
        const runs = await this.#runsOfMasters();
        another ||= [...runs].some((run) => !this.#runs.has(run));
        this.#runs = runs;
      } catch {
        // Nobody is there yet, or went away again.
        this.#unseen = true;
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
        this.refresh();
      }
    }
    return another;
  }

  async #followed(): Promise<void> {
    const until = performance.now() + 2 * CONNECT_TIMEOUT_MS;
    await this.#follow();
    while (this.#followedAt === -Infinity && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    if (this.#followedAt === -Infinity)
      throw new StoreUnavailable('no replica follows its master: min_replicas asks for some that do');
  }

  /** Looks after how well replicas follow, for as long as we are connected. */
  async #follow(): Promise<void> {
    const asked = performance.now();
    try {
      const infos = await Promise.all(this.masters().map((server) => server.info('replication')));
      const followed = infos.every((info) => followersIn(info) >= this.#options.minReplicas);
      if (followed && infos.length > 0) this.#followedAt = asked;
    } catch {
      // Nobody there: the connection complains of it.
    }
    if (this.#closed) return;
    this.#following = setTimeout(() => void this.#follow(), FOLLOWED_EVERY_MS);
    this.#following.unref();
  }

  /** Why nothing may be asked now, if so. */
  #ailment(): Error | undefined {
    // Who answers has to be known before anything is asked: the check goes first on every new connection.
    if (this.#looking) return new Error(UNSEEN);
    if (this.#options.minReplicas > 0 && performance.now() - this.#followedAt > MOST_ALONE_MS)
      return new Error(
        "the master isn't ready: no replica has followed it for a while, and it may be master no more",
      );
    return undefined;
  }

  /** Lets go of servers that do not answer; sentinels are asked anew who is master. */
  renew(): void {
    for (const client of Object.values(this.#clients))
      if (client instanceof Redis && client.status === 'ready') client.disconnect(true);
    this.refresh();
  }

  async #runsOfMasters(): Promise<Set<string>> {
    const infos = await Promise.all(this.masters().map((server) => server.info('server')));
    return new Set(infos.map((info) => /run_id:(\w+)/.exec(info)?.[1] ?? ''));
  }

  /** Runs a script once. What was sent and not answered may or may not have run. */
  run(script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const ailment = this.#ailment();
    return ailment ? Promise.reject(ailment) : this.#send(this.#clients.calls, script, key, args);
  }

  /**
   * The same for a kill, which needs no master that is followed; `replicated` tells when it is safe.
   */
  runKill(script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    if (this.#looking) return Promise.reject(new Error(UNSEEN));
    return this.#send(this.#clients.kills, script, key, args);
  }

  /** Resolves once so many replicas as are asked for have what a script has written in a slot, by its clock and stamp. */
  replicated(key: string, stamp: number): Promise<void> {
    return this.#followers.have(key, stamp);
  }

  #send(client: Client, script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    // A slot that is being moved refuses a script of which a key is not there (TRYAGAIN), instead of failing in the middle.
    const keys = client instanceof Cluster ? [key, `${key}-never`] : [key];
    return client.evalsha(script.sha1, keys.length, ...keys, ...args).catch((error: unknown) => {
      if (!isNoScript(error)) throw error;
      return client.eval(script.lua, keys.length, ...keys, ...args);
    });
  }

  /** Asks a cluster anew who has which slots. */
  refresh(): void {
    for (const client of Object.values(this.#clients))
      if (client instanceof Cluster) client.refreshSlotsCache(() => {});
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#following);
    clearInterval(this.#refreshing);
    for (const client of Object.values(this.#clients)) client.disconnect();
  }

  #connect(role: Role): Client {
    const { servers } = this.#options;
    const client =
      servers.mode === 'cluster'
        ? new Cluster([...servers.nodes], clusterOptions(this.#options, role))
        : new Redis(clientOptions(this.#options, role));
    client.on('error', (error: Error) => this.#complain(role, error));
    client.on('node error', (error: Error) => this.#complain(role, error));
    client.on('ready', () => this.#told.clear());
    client.on('end', () => this.#comeBack(client));
    return client;
  }

  /** The library gives a connection up for good where it hears of a failover while it is connecting. */
  #comeBack(client: Client): void {
    if (this.#closed) return;
    setTimeout(() => {
      if (!this.#closed) client.connect().catch(() => {}); // it ends once more, and comes back
    }, LOOK_AGAIN_MS).unref();
  }

  #complain(role: string, error: Error): void {
    this.#complaint = error.message;
    if (this.#closed || this.#told.has(error.message)) return;
    this.#told.add(error.message);
    this.#log.warn({ err: error, connection: role }, 'a connection to Redis complains');
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

const UNSEEN = "the connection isn't ready: its server is looked at first";

/** Replicas that have said of late how far they are. */
const followersIn = (info: string): number =>
  [...info.matchAll(/^slave\d+:.*state=online.*lag=(\d+)/gm)].filter(
    ([, lag]) => Number(lag) <= MOST_LAG_SECONDS,
  ).length;

const isNoScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');
