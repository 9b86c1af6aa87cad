// Calls of scripts in slots: each carries what this broker has seen, so that time never goes back and a loss is noticed.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../domain/clock.js';
import type { RefusalReason } from '../../domain/refusal.js';
import { Refusal } from '../../domain/refusal.js';
import { StoreUnavailable } from '../store.js';
import type { Connections, Lane } from './connections.js';
import type { Keys } from './keys.js';
import { ALL_SLOTS, HOME_SLOT } from './keys.js';
import type { ScriptName } from './scripts.js';
import { scriptNamed } from './scripts.js';

export type Argument = string | number;

/** What a script answers after its status, its time and its stamp. */
export type Answer = readonly unknown[];

/** Where a slot stands when it has been opened. */
export interface OpenedSlot {
  readonly epoch: string;
  readonly latest: number;
  /** How many news it has told. */
  readonly news: number;
}

const WAIT_BETWEEN_MS = 25;
/** In the place of a stamp: nothing has been said before. */
const FIRST = '-';

export interface SlotsOptions {
  readonly connections: Connections;
  readonly keys: Keys;
  /** In place of Redis' own time: for tests. */
  readonly clock?: Clock;
  /** How long a call may take, with everything that goes wrong on the way. */
  readonly withinMs: number;
}

export class Slots {
  readonly keys: Keys;
  /** Names this broker among those that share the store, for as long as it runs. */
  readonly origin = randomBytes(6).toString('hex');
  /** Makes good what the store has lost: set by whoever knows how. */
  recovery: (why: string) => Promise<void> = () => Promise.resolve();
  epoch = '';
  readonly #connections: Connections;
  readonly #clock: Clock | undefined;
  readonly #withinMs: number;
  /** The latest time and stamp seen in any slot, and the latest stamp of each. */
  #latest = 0;
  #stamp = 0;
  readonly #known: number[] = ALL_SLOTS.map(() => 0);
  /** Why something may be lost that has not been made good yet. */
  #suspicion: string | undefined;
  /** How often another server was found to answer. */
  #servers = 0;
  #gate: Promise<void> | undefined;
  #pending = 0;
  #whenIdle: (() => void) | undefined;
  #shut = false;

  constructor({ connections, keys, clock, withinMs }: SlotsOptions) {
    this.#connections = connections;
    this.keys = keys;
    this.#clock = clock;
    this.#withinMs = withinMs;
  }

  get latest(): number {
    return this.#latest;
  }

  /** Why nothing may be called now, if so. */
  closed(): StoreUnavailable | undefined {
    return this.#shut ? new StoreUnavailable('the store is closed') : undefined;
  }

  /** Takes no more calls, and resolves when those that were made are answered. */
  async shut(): Promise<void> {
    this.#shut = true;
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  /**
   * Runs a script in a slot, again where the connection broke, until it has answered: scripts know a call that is
   * made again. `kills`: waits for replicas as configured.
   *
   * @throws StoreUnavailable where that takes too long, or Redis refuses.
   */
  call(
    name: ScriptName,
    slot: number,
    args: readonly Argument[],
    lane: Lane = 'calls',
  ): Promise<Answer | Refusal> {
    // Most calls go through at the first attempt: no state of a loop is made for those.
    const floor = this.#stamp;
    const begun = performance.now();
    const ailment = this.closed();
    if (ailment) return Promise.reject(ailment);
    this.#pending++;
    const persist = (failed?: unknown): Promise<Answer | Refusal> =>
      this.#persist(name, slot, args, lane, floor, begun, failed).finally(() => this.#ended());
    if (this.#suspicion !== undefined) return persist();
    return this.#once(name, slot, args, lane, FIRST).then((reply) => {
      this.#ended();
      return this.#read(slot, reply);
    }, persist);
  }

  #ended(): void {
    if (--this.#pending === 0) this.#whenIdle?.();
  }

  /** The same where a refusal is no possible answer. */
  async ask(
    name: ScriptName,
    slot: number,
    args: readonly Argument[] = [],
    lane: Lane = 'calls',
  ): Promise<Answer> {
    const answer = await this.call(name, slot, args, lane);
    if (answer instanceof Refusal) throw new Error(`${name} was refused: ${answer.reason}`);
    return answer;
  }

  /** The same in every slot at once. */
  askAll(name: ScriptName, args: readonly Argument[] = [], lane: Lane = 'calls'): Promise<Answer[]> {
    return Promise.all(ALL_SLOTS.map((slot) => this.ask(name, slot, args, lane)));
  }

  /** Resolves once every server that should has written something, as durably as a kill. */
  async affirm(): Promise<void> {
    const slots = this.#connections.masters().length > 1 ? ALL_SLOTS : [HOME_SLOT];
    await Promise.all(slots.map((slot) => this.ask('affirm', slot, [], 'kills')));
  }

  /** Opens a slot: see open-slot.lua. Passes the gate, as it is what opens the gate. */
  async open(slot: number, epoch: string, leaving = ''): Promise<OpenedSlot> {
    const args = [epoch, this.#latest, this.#known[slot]!, leaving];
    const reply = await this.#connections.run(scriptNamed('open-slot'), this.keys.clock(slot), args);
    const [found, latest, stamp, news] = reply as [string, number, number, number];
    this.#learn(slot, latest, stamp);
    return { epoch: found, latest, news };
  }

  /** What another broker did in a slot: a store that has forgotten it has lost something. */
  heard(slot: number, stamp: number): void {
    this.#known[slot] = Math.max(this.#known[slot]!, stamp);
    this.#stamp = Math.max(this.#stamp, stamp);
  }

  /**
   * Something may be lost: no call passes until that is made good, however often it has to be tried. Another server
   * while that is under way has not been told what the one before it was.
   */
  suspect(why: string, anotherServer = false): void {
    this.#suspicion ??= why;
    if (anotherServer) this.#servers++;
    this.#makeGood().catch(() => {}); // the next call tries again
  }

  #makeGood(): Promise<void> {
    const why = this.#suspicion;
    if (why === undefined) return Promise.resolve();
    this.#gate ??= this.#recover(why).finally(() => (this.#gate = undefined));
    return this.#gate;
  }

  async #recover(why: string): Promise<void> {
    for (let told = -1; told !== this.#servers;) {
      told = this.#servers;
      await this.recovery(why);
    }
    this.#suspicion = undefined;
  }

  /** A call of the work behind the gate. */
  async passing(name: ScriptName, slot: number, args: readonly Argument[], lane: Lane): Promise<Answer> {
    const answer = this.#read(slot, await this.#once(name, slot, args, lane, FIRST));
    if (answer instanceof Refusal) throw new Error(`${name} was refused: ${answer.reason}`);
    return answer;
  }

  async #persist(
    name: ScriptName,
    slot: number,
    args: readonly Argument[],
    lane: Lane,
    floor: number,
    begun: number,
    failed: unknown,
  ): Promise<Answer | Refusal> {
    const until = begun + this.#withinMs;
    let error = failed;
    // The first attempt may have been heard: what it told, where it was, is later than this.
    let again: Argument = FIRST;
    for (;;) {
      if (error !== undefined) {
        if (!isPassing(error) || performance.now() >= until) throw asUnavailable(error);
        const lost = lossIn(error);
        if (lost === undefined) again = floor;
        // Sent before this broker followed the store into its epoch: nothing is lost, and it is said once more.
        else if (lost !== `EPOCH ${this.epoch}`) this.suspect(lost);
        // After a failover the old master answers that it is a replica now.
        if (messageOf(error).startsWith('READONLY')) this.#connections.renew();
        else this.#connections.refresh();
        await new Promise((resolve) => setTimeout(resolve, WAIT_BETWEEN_MS));
      }
      try {
        if (this.#suspicion !== undefined) await within(this.#makeGood(), until);
        return this.#read(slot, await this.#once(name, slot, args, lane, again));
      } catch (caught) {
        error = caught;
      }
    }
  }

  #once(
    name: ScriptName,
    slot: number,
    args: readonly Argument[],
    lane: Lane,
    again: Argument,
  ): Promise<unknown> {
    // One argument for what every call says: the client library spends its time by the argument.
    const given = this.#clock?.now() ?? '-';
    const common = `${this.epoch} ${this.#latest} ${this.#stamp} ${this.#known[slot]!} ${given} ${again} ${this.origin}`;
    const whole = [common, ...args];
    const script = scriptNamed(name);
    const key = this.keys.clock(slot);
    if (lane === 'calls') return this.#connections.run(script, key, whole);
    if (lane === 'kill-callers') return this.#connections.runKill(script, key, whole);
    const run = lane === 'kills' ? 'runKill' : 'run';
    return this.#replicated(key, this.#connections[run](script, key, whole));
  }

  async #replicated(key: string, sent: Promise<unknown>): Promise<unknown> {
    const reply = await sent;
    await this.#connections.replicated(key, stampIn(reply));
    return reply;
  }

  #read(slot: number, reply: unknown): Answer | Refusal {
    const parts = reply as [number, number, number, ...unknown[]];
    this.#learn(slot, parts[1], parts[2]);
    const answer = parts.slice(3);
    return parts[0] === 1 ? answer : new Refusal(answer[0] as RefusalReason, answer[1] as string);
  }

  #learn(slot: number, now: number, stamp: number): void {
    if (now > this.#latest) this.#latest = now;
    if (stamp > this.#stamp) this.#stamp = stamp;
    if (stamp > this.#known[slot]!) this.#known[slot] = stamp;
  }
}

const stampIn = (reply: unknown): number => (reply as [number, number, number])[2];

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What a slot that lost something, or is of another epoch, answers. */
const lossIn = (error: unknown): string | undefined =>
  /^(?:LOST|EPOCH) /.test(messageOf(error)) ? messageOf(error) : undefined;

/** Faults that pass by themselves: a broken connection, a failover, a server that is still loading. */
const PASSING =
  /^(?:LOST|EPOCH|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|UNBLOCKED) |Connection is closed|aborted due to|writeable|ECONN|EPIPE|ETIMEDOUT|timed out|max retries|Failed to refresh|redirections|isn't ready|None of startup nodes|All sentinels/i;

/** Whether a fault passes by itself, so that it is worth saying again. */
export const isPassing = (error: unknown): boolean =>
  !(error instanceof StoreUnavailable) && PASSING.test(messageOf(error));

const asUnavailable = (error: unknown): StoreUnavailable =>
  error instanceof StoreUnavailable
    ? error
    : new StoreUnavailable(`Redis did not do it: ${messageOf(error)}`, { cause: error });

/** @throws StoreUnavailable where that takes longer than until `until` (of `performance.now`). */
async function within(work: Promise<void>, until: number): Promise<void> {
  let overdue: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    overdue = setTimeout(
      () => reject(new StoreUnavailable('what the store has lost is being made good')),
      Math.max(0, until - performance.now()),
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(overdue);
  }
}
