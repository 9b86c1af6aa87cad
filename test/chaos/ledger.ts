// What callers were told, and so may rely on: what was opened, what was handed out, and what is dead from then on.
import type { BrokerClient, Reply } from '../fixtures/broker-client.js';

export interface Held {
  readonly task: string;
  readonly agent: string;
  readonly lease: string;
  readonly tokens: string[];
  /** Its end was acknowledged, or somebody saw it dead. */
  dead: boolean;
}

export interface Opened {
  readonly deadline: number;
  closed: boolean;
}

export interface Acknowledged {
  readonly requestId: string;
  readonly action: string;
}

export interface LedgerTerms {
  /** The store may be away: a 503 is an answer that says nothing about what happened. */
  readonly mayBeUnavailable?: boolean;
}

export class Ledger {
  readonly opened = new Map<string, Opened>();
  readonly held: Held[] = [];
  readonly acknowledgements: Acknowledged[] = [];
  /** What was seen that must not be. */
  readonly wrong: string[] = [];
  readonly counts = { answers: 0, unanswered: 0, unavailable: 0, looked: 0, refusedAfterClose: 0 };
  readonly #mayBeUnavailable: boolean;

  constructor({ mayBeUnavailable = false }: LedgerTerms = {}) {
    this.#mayBeUnavailable = mayBeUnavailable;
  }

  live(): Held[] {
    return this.held.filter(({ dead }) => !dead);
  }

  dead(): Held[] {
    return this.held.filter(({ dead }) => dead);
  }

  /** Of those opened lately. */
  tasks(closed: boolean): string[] {
    const recent = [...this.opened].slice(-30);
    return recent.filter(([, task]) => task.closed === closed).map(([id]) => id);
  }

  isClosed(task: string): boolean {
    return this.opened.get(task)!.closed;
  }

  close(task: string): void {
    this.opened.get(task)!.closed = true;
    bury(this.held.filter((one) => one.task === task));
  }

  /** Takes an answer down; what a good one means is done at once. @throws Error for a fault. */
  take<Answer extends Reply<object>>(reply: Answer, action: string, meaning: () => void): Answer {
    this.counts.answers++;
    if (reply.status === 503 && this.#mayBeUnavailable) this.counts.unavailable++;
    else if (reply.status >= 500) throw new Error(`a fault: ${reply.text}`);
    if (reply.status >= 300) return reply;
    this.acknowledgements.push({ requestId: reply.headers.get('x-request-id')!, action });
    meaning();
    return reply;
  }

  /** Shows a credential to a broker. Dead when it was asked for and active in the answer is wrong, whoever is asked. */
  async look(broker: BrokerClient, one: Held): Promise<boolean> {
    const wasDead = one.dead;
    const answers = await Promise.all(one.tokens.map((token) => broker.introspect(token)));
    const alive = answers.some(({ active }) => active);
    if (answers.some(({ active }) => active === undefined)) {
      // A store that is away answers with an error, which says neither.
      if (!this.#mayBeUnavailable) this.wrong.push(`introspection of ${one.lease} failed`);
      return alive;
    }
    this.counts.looked++;
    if (alive && wasDead) this.wrong.push(`${one.lease} of ${one.task} is active after its end`);
    if (!alive) one.dead = true;
    return alive;
  }

  summary(): string {
    const { answers, unanswered, unavailable, looked, refusedAfterClose } = this.counts;
    return (
      `${answers} answers, ${this.acknowledgements.length} acknowledged, ${unanswered} without an answer, ` +
      `${unavailable} unavailable; ${this.held.length} leases, ${this.dead().length} dead, ${looked} looked at; ` +
      `${this.opened.size} tasks, ${refusedAfterClose} refused after a close`
    );
  }
}

export function bury(those: readonly Held[]): void {
  for (const one of those) one.dead = true;
}
