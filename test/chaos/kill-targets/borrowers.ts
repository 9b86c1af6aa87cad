// Agents that borrow credentials of one target, and the orchestrator of their tasks; each answer with what it means.
import type { BrokerClient } from '../../fixtures/broker-client.js';
import { oneOf } from '../../fixtures/random.js';
import { bury, type Held, type Ledger } from '../ledger.js';

const AGENTS = ['agent-1', 'agent-2', 'agent-3', 'agent-4'] as const;
/** Past the end of every campaign: nothing of it ends by time. */
const TTL = '1h';

export class Borrowers {
  /** Tasks and leases that somebody asked to end: where no answer came, it may have been done all the same. */
  readonly #askedToEnd = new Set<string>();
  readonly #ledger: Ledger;
  readonly #random: () => number;
  #tasks = 0;

  constructor(ledger: Ledger, random: () => number) {
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Whether it is known that it lives, or that it does not. */
  isSure({ dead, task, lease }: Held): boolean {
    return dead || !(this.#askedToEnd.has(task) || this.#askedToEnd.has(lease));
  }

  /** One thing or another. */
  async act(broker: BrokerClient): Promise<void> {
    const acts = ['open', 'borrow', 'borrow', 'borrow', 'borrow', 'close', 'close', 'kill'] as const;
    await this[oneOf(this.#random, acts)](broker);
  }

  async open(broker: BrokerClient): Promise<string> {
    const id = `borrowing-${++this.#tasks}`;
    const reply = await broker.openTask({ id, ttl: TTL, tools: [{ tool: 'target', actions: ['read'] }] });
    const { status, text } = this.#ledger.take(reply, 'task.open', () =>
      this.#ledger.opened.set(id, { closed: false, deadline: Date.parse(reply.body.deadline) }),
    );
    if (status !== 201) throw new Error(`${id} was not opened: ${text}`);
    return id;
  }

  /** For a task of one's own, or for one that is open. */
  async borrow(broker: BrokerClient, task = oneOf(this.#random, this.#ledger.tasks(false))): Promise<void> {
    if (task === undefined) return void (await this.open(broker));
    const agent = oneOf(this.#random, AGENTS);
    const reply = await broker.exchange(agent, { task_id: task, audience: 'target' });
    this.#ledger.take(reply, 'token.exchange', () => {
      const { lease_id: lease, access_token: token } = reply.body;
      this.#ledger.held.push({ task, agent, lease, tokens: [token], dead: this.#ledger.isClosed(task) });
    });
  }

  async close(broker: BrokerClient, task = oneOf(this.#random, this.#ledger.tasks(false))): Promise<void> {
    if (task === undefined) return;
    this.#askedToEnd.add(task);
    this.#ledger.take(await broker.complete(task), 'task.complete', () => this.#ledger.close(task));
  }

  async kill(broker: BrokerClient): Promise<void> {
    const one = oneOf(this.#random, this.#ledger.live());
    if (!one) return;
    this.#askedToEnd.add(one.lease);
    const reply = await broker.kill({ lease: one.lease });
    this.#ledger.take(reply, 'revocation.create', () => bury([one]));
  }
}
