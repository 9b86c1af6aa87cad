// kill -9 at random moments under load, many times over: what was acknowledged is there, and what was dead stays dead.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { AuditEvent } from '../../src/audit/event.js';
import { systemClock } from '../../src/domain/clock.js';
import type { LeaseId } from '../../src/domain/ids.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import type { TaskList } from '../../src/wire/tasks.js';
import { TERMS } from '../contract/store/harness.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { crew } from '../fixtures/crew.js';
import { oneOf, randomFrom, upTo } from '../fixtures/random.js';
import { until } from '../fixtures/until.js';

const KILLS = 50;
const HANDS = 8;
/** Answers after which the broker is killed, at most. */
const MOST_ANSWERS = 120;
/** Looked at again in every round, beside all of the round before. */
const OLD_ONES = 30;
const AGENTS = ['agent-1', 'agent-2', 'agent-3'] as const;
const LIMIT_MS = 240_000;

let broker: BrokerProcess;
beforeAll(async () => {
  broker = await BrokerProcess.prepare({ log_level: 'warn' });
});
afterAll(() => broker.remove());

interface Held {
  readonly task: string;
  readonly agent: string;
  readonly lease: string;
  readonly tokens: string[];
  /** Its end was acknowledged, or somebody saw it dead. */
  dead: boolean;
}

/** What the broker acknowledged, as its callers know it. */
const opened = new Map<string, { closed: boolean }>();
const held: Held[] = [];
const answered: { requestId: string; action: string }[] = [];
const counts = { kills: 0, answers: 0, lost: 0, checked: 0, readyMs: [] as number[] };

const live = (): Held[] => held.filter(({ dead }) => !dead);
const bury = (those: readonly Held[]): void => {
  for (const one of those) one.dead = true;
};

/** Everything that callers do, each with what its acknowledgement means. */
class Callers {
  readonly #random: () => number;
  readonly #round: number;
  #tasks = 0;

  constructor(round: number, random: () => number) {
    this.#round = round;
    this.#random = random;
  }

  act(): Promise<void> {
    const acts = [
      this.open,
      this.exchange,
      this.exchange,
      this.exchange,
      this.renew,
      this.release,
      this.complete,
      this.kill,
    ];
    return oneOf(this.#random, acts).call(this);
  }

  async open(): Promise<void> {
    const id = `round-${this.#round}-${++this.#tasks}`;
    const reply = await broker.openTask({ id, ttl: oneOf(this.#random, [1, 2, 600, 600]) });
    acknowledged(reply, 'task.open', () => opened.set(id, { closed: false }));
  }

  async exchange(): Promise<void> {
    const task = this.#openTask();
    if (task === undefined) return this.open();
    const agent = oneOf(this.#random, AGENTS);
    const reply = await broker.exchange(agent, { task_id: task, audience: 'crm' });
    acknowledged(reply, 'token.exchange', () => {
      const { lease_id: lease, access_token: token } = reply.body;
      // Its answer may come after that of the close which it lost the race to.
      held.push({ task, agent, lease, tokens: [token], dead: opened.get(task)!.closed });
    });
  }

  async renew(): Promise<void> {
    const one = oneOf(this.#random, live());
    if (!one) return this.open();
    const reply: Reply<Credential> = await broker.renew(one.lease, one.agent);
    acknowledged(reply, 'lease.renew', () => one.tokens.push(reply.body.access_token));
  }

  async release(): Promise<void> {
    const one = oneOf(this.#random, live());
    if (!one) return this.open();
    acknowledged(await broker.release(one.lease, one.agent), 'lease.release', () => bury([one]));
  }

  async complete(): Promise<void> {
    const task = this.#openTask();
    if (task === undefined) return this.open();
    acknowledged(await broker.complete(task), 'task.complete', () => close(task));
  }

  /** Of a task, a lease, or now and then of an agent everywhere. */
  async kill(): Promise<void> {
    const one = oneOf(this.#random, live());
    if (!one) return this.open();
    const wide = this.#random() < 0.2;
    const named = wide ? live().filter(({ agent }) => agent === one.agent) : [one];
    const narrow = oneOf<{ lease: string } | { task: string }>(this.#random, [
      { lease: one.lease },
      { task: one.task },
    ]);
    const select = wide ? { agent: `cluster/${one.agent}` } : narrow;
    acknowledged(await broker.kill(select), 'revocation.create', () => {
      bury(named);
      if ('task' in select) close(one.task);
    });
  }

  #openTask(): string | undefined {
    const recent = [...opened].slice(-20).filter(([, { closed }]) => !closed);
    return oneOf(this.#random, recent)?.[0];
  }
}

function close(task: string): void {
  opened.get(task)!.closed = true;
  bury(held.filter((one) => one.task === task));
}

function acknowledged(reply: Reply<object>, action: string, meaning: () => void): void {
  counts.answers++;
  if (reply.status >= 500) throw new Error(`a fault: ${reply.text}`);
  if (reply.status >= 300) return;
  answered.push({ requestId: reply.headers.get('x-request-id')!, action });
  meaning();
}

async function loadUntilKilled(round: number, random: () => number): Promise<void> {
  const callers = new Callers(round, random);
  const killAt = counts.answers + 1 + upTo(random, MOST_ANSWERS);
  let killed = false;
  const hand = async (): Promise<void> => {
    while (!killed) {
      try {
        await callers.act();
      } catch (error) {
        // Nobody knows what became of a request without an answer: either is right.
        if (!killed || !isBroken(error)) throw error;
        counts.lost++;
      }
      if (counts.answers < killAt || killed) continue;
      killed = true;
      broker.signal('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: HANDS }, hand));
  expect(await broker.ended()).toEqual({ code: null, signal: 'SIGKILL' });
  counts.kills++;
}

const isBroken = (error: unknown): boolean =>
  ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');

/** After a restart: all of the last round, and some of what is older. */
async function check(since: { held: number; opened: number }, random: () => number): Promise<void> {
  const old = Array.from({ length: OLD_ONES }, () => oneOf(random, held)).filter(Boolean);
  const wrong: string[] = [];
  await crew(HANDS, new Set([...held.slice(since.held), ...old]), async (one) => {
    counts.checked++;
    const wasDead = one.dead;
    const [lease, ...answers] = await Promise.all([
      broker.get<{ state: string }>(`/v1/leases/${one.lease}`, 'operator'),
      ...one.tokens.map((token) => broker.introspect(token)),
    ]);
    if (lease.status !== 200) wrong.push(`${one.lease} was handed out and is not on record`);
    const alive = answers.some(({ active }) => active);
    if (wasDead && (alive || lease.body.state === 'active'))
      wrong.push(`${one.lease} came back from the dead`);
    if (!alive) one.dead = true;
  });
  const tasks = [...opened].slice(since.opened);
  await crew(HANDS, tasks, async ([id, { closed }]) => {
    const { status, body } = await broker.get<{ state: string }>(`/v1/tasks/${id}`, 'planner');
    if (status !== 200) wrong.push(`${id} was opened and is not there`);
    else if (closed && body.state === 'open') wrong.push(`${id} was closed and is open`);
  });
  expect(wrong).toEqual([]);
}

async function overdueTasks(): Promise<string[]> {
  const { body } = await broker.get<TaskList>('/v1/tasks?state=open&limit=200', 'operator');
  return body.tasks.filter(({ deadline }) => Date.parse(deadline) < Date.now() - 1000).map(({ id }) => id);
}

test(
  `${KILLS} times kill -9: no acknowledged lease, close or kill is lost, and none is undone`,
  async () => {
    const seed = Date.now() >>> 0;
    const random = randomFrom(seed);
    const began = performance.now();
    let since = { held: 0, opened: 0 };
    for (let round = 0; round <= KILLS; round++) {
      counts.readyMs.push(await broker.start());
      await until(
        'no task is open a second past its deadline',
        async () => (await overdueTasks()).length === 0,
        {
          withinMs: 1000,
        },
      );
      await check(since, random);
      since = { held: held.length, opened: opened.size };
      if (round < KILLS) await loadUntilKilled(round, random);
    }
    expect(await broker.end('SIGTERM')).toEqual({ code: 0, signal: null });

    const { events, missing } = await readRecord();
    const record = new Map(events.map((event) => [event.requestId as string, event]));
    const unrecorded = answered.filter(({ requestId, action }) => {
      const event = record.get(requestId);
      return event?.action !== action || event.outcome !== 'permitted';
    });
    const readyMs = counts.readyMs.toSorted((a, b) => a - b);
    console.log(
      `${counts.kills} kills in ${((performance.now() - began) / 1000).toFixed(1)} s: ${counts.answers} answers, ` +
        `${answered.length} acknowledged, ${counts.lost} without an answer; ${held.length} leases, ` +
        `${held.filter(({ dead }) => dead).length} dead, ${counts.checked} looked at; ${opened.size} tasks; ready after ` +
        `${readyMs[Math.floor(readyMs.length / 2)]!.toFixed(0)} ms (median), ${readyMs.at(-1)!.toFixed(0)} ms (longest); seed ${seed}`,
    );
    expect({ unrecorded, missing }).toEqual({ unrecorded: [], missing: [] });
    expect(new Set(events.map(({ sequence }) => sequence)).size).toBe(events.length);
  },
  LIMIT_MS,
);

/** The audit log and the leases, read from what the broker left behind. */
async function readRecord(): Promise<{ events: AuditEvent[]; missing: string[] }> {
  const store = openEmbeddedStore({ path: join(broker.folder, 'mayfly.db'), clock: systemClock(), ...TERMS });
  try {
    const events = await store.auditEvents({ limit: Number.MAX_SAFE_INTEGER });
    const leases = await Promise.all(held.map(({ lease }) => store.readLease(lease as LeaseId)));
    return { events, missing: held.filter((_one, index) => !leases[index]).map(({ lease }) => lease) };
  } finally {
    await store.close();
  }
}
