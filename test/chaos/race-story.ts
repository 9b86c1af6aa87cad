// One task: two agents at work, somebody who closes it in the middle of that, and everybody trying again afterwards.
import type { AuditEvent } from '../../src/audit/event.js';
import type { BrokerClient, Credential, Reply } from '../fixtures/broker-client.js';
import { crew } from '../fixtures/crew.js';
import { oneOf, randomFrom, upTo } from '../fixtures/random.js';
import { issuedAfterEnd } from './record.js';

const AT_A_TIME = 24;
const STEPS = 3;
const AGENTS = ['agent-1', 'agent-2'] as const;

/** What was seen from outside, in all tasks together. */
export interface Seen {
  exchanged: number;
  renewed: number;
  refused: number;
  sentAfterClose: number;
  readonly late: string[];
  readonly alive: string[];
  readonly seconds: number;
}

export interface Race {
  readonly tasks: number;
  /** Who is asked: another one each time, where there are several. */
  readonly broker: (random: () => number) => BrokerClient;
  readonly seed: number;
}

export async function race({ tasks, broker, seed }: Race): Promise<Seen> {
  const random = randomFrom(seed);
  const began = performance.now();
  const seen: Seen = {
    exchanged: 0,
    renewed: 0,
    refused: 0,
    sentAfterClose: 0,
    late: [],
    alive: [],
    seconds: 0,
  };
  await crew(AT_A_TIME, Array.from({ length: tasks }).keys(), (index) =>
    new Story(index, randomFrom(upTo(random, 2 ** 32 - 1)), broker, seen).run(),
  );
  return { ...seen, seconds: (performance.now() - began) / 1000 };
}

export interface Judgement {
  readonly late: readonly string[];
  readonly alive: readonly string[];
  readonly after: readonly string[];
  /** Roots that were closed, by the record. */
  readonly closed: number;
  /** On record, and not handed out; or handed out, and not on record. */
  readonly unaccounted: readonly [exchanged: number, renewed: number];
}

/** By what was seen, and by what the record says. Nobody lost an answer in a race. */
export function judge(seen: Seen, events: readonly AuditEvent[]): Judgement {
  const { ended, after } = issuedAfterEnd(events);
  const permitted = (wanted: string): number =>
    events.filter(({ action, outcome }) => action === wanted && outcome === 'permitted').length;
  return {
    late: seen.late,
    alive: seen.alive,
    after,
    closed: [...ended].filter((selector) => /^task:race-\d+$/.test(selector)).length,
    unaccounted: [permitted('token.exchange') - seen.exchanged, permitted('lease.renew') - seen.renewed],
  };
}

export const told = (seen: Seen, tasks: number, events: readonly AuditEvent[], seed: number): string =>
  `${tasks} tasks in ${seen.seconds.toFixed(1)} s: ${seen.exchanged} exchanged, ${seen.renewed} renewed, ` +
  `${seen.refused} refused, ${seen.sentAfterClose} sent after a close; ${events.length} events; seed ${seed}`;

class Story {
  readonly root: string;
  /** Where credentials are asked for: the task itself, or one below it. */
  readonly task: string;
  readonly #random: () => number;
  readonly #broker: () => BrokerClient;
  readonly #seen: Seen;
  readonly #held: Credential[] = [];
  #closed = false;
  #steps = 0;
  #stepped: () => void = () => {};

  constructor(index: number, random: () => number, broker: Race['broker'], seen: Seen) {
    this.root = `race-${index}`;
    this.task = index % 4 === 0 ? `${this.root}.child` : this.root;
    this.#random = random;
    this.#broker = () => broker(random);
    this.#seen = seen;
  }

  async run(): Promise<void> {
    await this.#broker().openTask({ id: this.root });
    if (this.task !== this.root) await this.#broker().openTask({ id: this.task, parent: this.root });
    const closing = this.#closeAfter(upTo(this.#random, AGENTS.length * STEPS));
    await Promise.all([closing, ...AGENTS.map((agent) => this.#work(agent, STEPS))]);
    await Promise.all(AGENTS.map((agent) => this.#work(agent, 1)));
    for (const { access_token: token } of this.#held) {
      const { active, error } = await this.#broker().introspect(token);
      if (active || error !== undefined) this.#seen.alive.push(this.task);
    }
  }

  async #closeAfter(steps: number): Promise<void> {
    while (this.#steps < steps) await new Promise<void>((resolve) => (this.#stepped = resolve));
    const broker = this.#broker();
    const close = oneOf(this.#random, [
      () => broker.complete(this.root),
      () => broker.complete(this.root, 'operator', { outcome: 'cancelled' }),
      () => broker.kill({ task: this.root }),
    ]);
    const { status, text } = await close();
    if (status !== 200 && status !== 202) throw new Error(`the close of ${this.root} was refused: ${text}`);
    this.#closed = true;
  }

  async #work(agent: string, steps: number): Promise<void> {
    let own: Credential | undefined;
    for (let step = 0; step < steps; step++) {
      const what =
        own === undefined ? 'exchange' : oneOf(this.#random, ['exchange', 'renew', 'renew', 'release']);
      if (what === 'release') await this.#broker().release(own!.lease_id, agent);
      else own = (await this.#ask(what, agent, own)) ?? own;
      this.#steps++;
      this.#stepped();
    }
  }

  async #ask(what: string, agent: string, own: Credential | undefined): Promise<Credential | undefined> {
    const sentAfterClose = this.#closed;
    const broker = this.#broker();
    const reply: Reply<Credential> =
      what === 'exchange'
        ? await broker.exchange(agent, { task_id: this.task, audience: 'crm' })
        : await broker.renew(own!.lease_id, agent);
    if (sentAfterClose) this.#seen.sentAfterClose++;
    if (reply.status !== 200) {
      if (reply.status >= 500) throw new Error(`a fault: ${reply.text}`);
      this.#seen.refused++;
      return undefined;
    }
    if (sentAfterClose) this.#seen.late.push(`${what} for ${this.task}`);
    if (what === 'exchange') this.#seen.exchanged++;
    else this.#seen.renewed++;
    this.#held.push(reply.body);
    return reply.body;
  }
}
