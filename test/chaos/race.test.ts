// Invariant 1 over HTTP: whatever races with a close, nothing is issued after it, and all that was issued before is dead.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { AuditEvent } from '../../src/audit/event.js';
import { systemClock } from '../../src/domain/clock.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { TERMS } from '../contract/store/harness.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { crew } from '../fixtures/crew.js';
import { oneOf, randomFrom, upTo } from '../fixtures/random.js';

const TASKS = 2000;
const AT_A_TIME = 24;
const STEPS = 3;
const AGENTS = ['agent-1', 'agent-2'] as const;
const LIMIT_MS = 120_000;

let broker: BrokerProcess;
beforeAll(async () => {
  broker = await BrokerProcess.prepare({ log_level: 'warn' });
  await broker.start();
});
afterAll(() => broker.remove());

/** What was seen from outside, in all tasks together. */
const seen = {
  exchanged: 0,
  renewed: 0,
  refused: 0,
  sentAfterClose: 0,
  late: [] as string[],
  alive: [] as string[],
};

/** One task: two agents at work, somebody who closes it in the middle of that, and everybody trying again afterwards. */
class Story {
  readonly root: string;
  /** Where credentials are asked for: the task itself, or one below it. */
  readonly task: string;
  readonly #random: () => number;
  readonly #held: Credential[] = [];
  #closed = false;
  #steps = 0;
  #stepped: () => void = () => {};

  constructor(index: number, random: () => number) {
    this.root = `race-${index}`;
    this.task = index % 4 === 0 ? `${this.root}.child` : this.root;
    this.#random = random;
  }

  async run(): Promise<void> {
    await broker.openTask({ id: this.root });
    if (this.task !== this.root) await broker.openTask({ id: this.task, parent: this.root });
    const closing = this.#closeAfter(upTo(this.#random, AGENTS.length * STEPS));
    await Promise.all([closing, ...AGENTS.map((agent) => this.#work(agent, STEPS))]);
    await Promise.all(AGENTS.map((agent) => this.#work(agent, 1)));
    for (const { access_token: token } of this.#held) {
      if ((await broker.introspect(token)).active) seen.alive.push(this.task);
    }
  }

  async #closeAfter(steps: number): Promise<void> {
    while (this.#steps < steps) await new Promise<void>((resolve) => (this.#stepped = resolve));
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
      if (what === 'release') await broker.release(own!.lease_id, agent);
      else own = (await this.#ask(what, agent, own)) ?? own;
      this.#steps++;
      this.#stepped();
    }
  }

  async #ask(what: string, agent: string, own: Credential | undefined): Promise<Credential | undefined> {
    const sentAfterClose = this.#closed;
    const reply: Reply<Credential> =
      what === 'exchange'
        ? await broker.exchange(agent, { task_id: this.task, audience: 'crm' })
        : await broker.renew(own!.lease_id, agent);
    if (sentAfterClose) seen.sentAfterClose++;
    if (reply.status !== 200) {
      if (reply.status >= 500) throw new Error(`a fault: ${reply.text}`);
      seen.refused++;
      return undefined;
    }
    if (sentAfterClose) seen.late.push(`${what} for ${this.task}`);
    if (what === 'exchange') seen.exchanged++;
    else seen.renewed++;
    this.#held.push(reply.body);
    return reply.body;
  }
}

test(
  `of ${TASKS} tasks that are closed in the middle of everything, none gives anything after its close`,
  async () => {
    const seed = Date.now() >>> 0;
    const random = randomFrom(seed);
    const began = performance.now();
    await crew(AT_A_TIME, Array.from({ length: TASKS }).keys(), (index) =>
      new Story(index, randomFrom(upTo(random, 2 ** 32 - 1))).run(),
    );
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    await broker.end('SIGTERM');

    const events = await auditLog();
    const { closes, after } = issuedAfterClose(events);
    const issued = events.filter(
      ({ action, outcome }) => action === 'token.exchange' && outcome === 'permitted',
    );
    const renewed = events.filter(
      ({ action, outcome }) => action === 'lease.renew' && outcome === 'permitted',
    );
    console.log(
      `${TASKS} tasks in ${seconds} s: ${seen.exchanged} exchanged, ${seen.renewed} renewed, ${seen.refused} refused, ` +
        `${seen.sentAfterClose} sent after a close; ${events.length} events; seed ${seed}`,
    );
    expect({ late: seen.late, alive: seen.alive, after }).toEqual({ late: [], alive: [], after: [] });
    expect(closes).toBe(TASKS);
    // Nothing was handed out that is not on record, and nobody lost an answer here.
    expect([issued.length, renewed.length]).toEqual([seen.exchanged, seen.renewed]);
    expect(seen.sentAfterClose).toBeGreaterThanOrEqual(TASKS * AGENTS.length);
    expect(seen.exchanged).toBeGreaterThan(TASKS);
  },
  LIMIT_MS,
);

/** In the order of their sequence, read from what the broker left behind. */
async function auditLog(): Promise<AuditEvent[]> {
  const store = openEmbeddedStore({ path: join(broker.folder, 'mayfly.db'), clock: systemClock(), ...TERMS });
  try {
    return (await store.auditEvents({ limit: Number.MAX_SAFE_INTEGER })).toReversed();
  } finally {
    await store.close();
  }
}

function issuedAfterClose(events: readonly AuditEvent[]): { closes: number; after: string[] } {
  const closed = new Set<string>();
  const after: string[] = [];
  for (const { action, outcome, taskId = '', sequence } of events) {
    if (outcome !== 'permitted') continue;
    const root = taskId.split('.')[0]!;
    if (action === 'task.complete' || action === 'revocation.create') closed.add(root);
    const issues = action === 'token.exchange' || action === 'lease.renew';
    if (issues && closed.has(root)) after.push(`${sequence} ${action} for ${taskId}`);
  }
  return { closes: closed.size, after };
}
