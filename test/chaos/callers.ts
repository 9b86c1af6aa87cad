// Everything that callers do, each with what its acknowledgement means.
import type { BrokerClient } from '../fixtures/broker-client.js';
import { oneOf } from '../fixtures/random.js';
import type { Ledger } from './ledger.js';
import { bury } from './ledger.js';

const AGENTS = ['agent-1', 'agent-2', 'agent-3'] as const;
const WIDE_KILLS = 0.2;

export class Callers {
  readonly #ledger: Ledger;
  readonly #name: string;
  readonly #random: () => number;
  #tasks = 0;

  /** `name` begins the names of the tasks that are opened. */
  constructor(ledger: Ledger, name: string, random: () => number) {
    this.#ledger = ledger;
    this.#name = name;
    this.#random = random;
  }

  /** One thing or another, at this broker. */
  act(broker: BrokerClient): Promise<void> {
    const acts = [
      this.open,
      this.exchange,
      this.exchange,
      this.exchange,
      this.renew,
      this.release,
      this.complete,
      this.kill,
      this.look,
      this.askTooLate,
    ];
    return oneOf(this.#random, acts).call(this, broker);
  }

  async open(broker: BrokerClient): Promise<void> {
    const id = `${this.#name}-${++this.#tasks}`;
    const reply = await broker.openTask({ id, ttl: oneOf(this.#random, [1, 2, 600, 600]) });
    this.#ledger.take(reply, 'task.open', () =>
      this.#ledger.opened.set(id, { closed: false, deadline: Date.parse(reply.body.deadline) }),
    );
  }

  async exchange(broker: BrokerClient): Promise<void> {
    const task = oneOf(this.#random, this.#ledger.tasks(false));
    if (task === undefined) return this.open(broker);
    await this.#exchange(broker, task);
  }

  async renew(broker: BrokerClient): Promise<void> {
    const one = oneOf(this.#random, this.#ledger.live());
    if (!one) return this.open(broker);
    const reply = await broker.renew(one.lease, one.agent);
    this.#ledger.take(reply, 'lease.renew', () => one.tokens.push(reply.body.access_token));
  }

  async release(broker: BrokerClient): Promise<void> {
    const one = oneOf(this.#random, this.#ledger.live());
    if (!one) return this.open(broker);
    this.#ledger.take(await broker.release(one.lease, one.agent), 'lease.release', () => bury([one]));
  }

  async complete(broker: BrokerClient): Promise<void> {
    const task = oneOf(this.#random, this.#ledger.tasks(false));
    if (task === undefined) return this.open(broker);
    this.#ledger.take(await broker.complete(task), 'task.complete', () => this.#ledger.close(task));
  }

  /** Of a task, a lease, or now and then of an agent everywhere. */
  async kill(broker: BrokerClient): Promise<void> {
    const one = oneOf(this.#random, this.#ledger.live());
    if (!one) return this.open(broker);
    const wide = this.#random() < WIDE_KILLS;
    const named = wide ? this.#ledger.live().filter(({ agent }) => agent === one.agent) : [one];
    const narrow = oneOf<{ lease: string } | { task: string }>(this.#random, [
      { lease: one.lease },
      { task: one.task },
    ]);
    const select = wide ? { agent: `cluster/${one.agent}` } : narrow;
    this.#ledger.take(await broker.kill(select), 'revocation.create', () => {
      bury(named);
      if ('task' in select) this.#ledger.close(one.task);
    });
  }

  async look(broker: BrokerClient): Promise<void> {
    const one = oneOf(this.#random, this.#ledger.held);
    if (one) await this.#ledger.look(broker, one);
  }

  /** For a task whose close was acknowledged already. */
  async askTooLate(broker: BrokerClient): Promise<void> {
    const task = oneOf(this.#random, this.#ledger.tasks(true));
    if (task === undefined) return;
    const status = await this.#exchange(broker, task);
    if (status < 300) this.#ledger.wrong.push(`a credential was issued for ${task} after its close`);
    else if (status < 500) this.#ledger.counts.refusedAfterClose++;
  }

  async #exchange(broker: BrokerClient, task: string): Promise<number> {
    const agent = oneOf(this.#random, AGENTS);
    const reply = await broker.exchange(agent, { task_id: task, audience: 'crm' });
    this.#ledger.take(reply, 'token.exchange', () => {
      const { lease_id: lease, access_token: token } = reply.body;
      // Its answer may come after that of the close which it lost the race to.
      this.#ledger.held.push({ task, agent, lease, tokens: [token], dead: this.#ledger.isClosed(task) });
    });
    return reply.status;
  }
}
