// Leases by the million: what one costs of Redis' memory, what it takes to forget them all, and to kill them all at once.
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../src/domain/duration.js';
import { principalName, requestId } from '../src/domain/ids.js';
import { AuditEntry } from '../src/audit/entry.js';
import { brokerPlace, buildBroker, startBroker, tokenFor, TRUST_NAME } from './parts/broker.js';
import { CONNECTIONS } from './parts/contender.js';
import { Connection } from './parts/connection.js';
import { temporaryFolder } from './parts/folder.js';
import { openTasks, TASK_BODY, withKnownTokens } from './parts/issuance.js';
import { measure } from './parts/load.js';
import { leaveServingCore, machine, useAllCores } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { OverdueWatch } from './parts/overdue.js';
import { Pace } from './parts/pace.js';
import { sumOf } from './parts/redis.js';
import { memoryByKind } from './parts/redis-look.js';
import { formRequest, jsonRequest } from './parts/request.js';
import { Seeder } from './parts/seed.js';
import { median } from './parts/statistics.js';
import type { BenchStore } from './parts/store.js';
import { PREFIX, startStore } from './parts/store.js';
import { printTable } from './parts/table.js';

const GOAL = { bytes: 600, share: 0.7, lateMs: SECOND_MS, killMs: 50 } as const;
const LEASES_PER_TASK = 500;
const AGENTS = 200;
/** The clock that leases are seeded by: they are expired when the broker comes, and all of them in one minute. */
const BEHIND_MS = HOUR_MS;
const EXPIRED_SINCE_MS = 5 * MINUTE_MS;
const WARM_UP_SECONDS = 3;
const BROKER_STARTS_WITHIN_MS = 4 * SECOND_MS;
/** Tasks that run out while everything else goes on: work that must not be late. */
const DEADLINE_EVERY_MS = 50;
const DEADLINE_TTL = '2s';
const SWEPT_WITHIN_SECONDS = 900;
const KILLS = 20;
const ASKED_AFTER_KILL = 20;

const { seconds, leases, store: kind } = readOptions(['leases', 'store'], { leases: [10_000, 1_000_000] });
if (kind === 'embedded') throw new Error('this is about Redis: --store redis or cluster');
const dist = buildBroker();
const folder = temporaryFolder();
const count = (number: number): string => number.toLocaleString('en');
console.log(`${machine()}; store: ${kind}; ${count(leases)} leases`);

await forgetting();
await killing();

/** Memory first, then what it takes to forget them. */
async function forgetting(): Promise<void> {
  const store = await startStore(kind, folder, 'forgotten');
  const redis = store.redis!;
  const place = await brokerPlace(folder, 'seeding', { store: store.yaml });
  const started = Date.now();
  const minuteEnd = Math.floor((started - EXPIRED_SINCE_MS) / MINUTE_MS) * MINUTE_MS;
  const clock = { now: () => Date.now() - BEHIND_MS };

  useAllCores(...redis.pids);
  const seeding = await store.open({ clock });
  const seeder = await Seeder.open(seeding, place.issuer, store.env.MAYFLY_SEAL_KEY);
  const tasks = await seeder.openTasks(names('run-of-a-planner', Math.ceil(leases / LEASES_PER_TASK)));
  const agents = names(`${TRUST_NAME}/agent-of-billing`, AGENTS) as ReturnType<typeof principalName>[];
  const before = await sumOf(redis, 'memory', 'used_memory');
  await seeder.issueMany(leases, (index) => ({
    taskId: tasks[index % tasks.length]!,
    agent: agents[Math.floor(Math.random() * AGENTS)]!,
    ttlMs: minuteEnd - SECOND_MS - clock.now(),
  }));
  const after = await sumOf(redis, 'memory', 'used_memory');
  const seededSeconds = (Date.now() - started) / SECOND_MS;
  console.log(`seeded in ${seededSeconds.toFixed(0)} s, through the store's port alone\n`);
  await seeding.close();
  reportMemory(await memoryByKind(redis), after - before);

  await sweep(store, minuteEnd);
  await store.stop();
}

function reportMemory(costs: Awaited<ReturnType<typeof memoryByKind>>, bytes: number): void {
  const perLease = (of: number): string => (of / leases).toFixed(1);
  const rows = [...costs]
    .filter(([, cost]) => cost.bytes / leases >= 0.05)
    .toSorted(([, a], [, b]) => b.bytes - a.bytes);
  printTable(
    ['memory, by the kind of key', 'keys', 'bytes per lease'],
    [
      ...rows.map(([name, cost]) => [name, count(cost.keys), perLease(cost.bytes)]),
      ['used_memory, all of it', '', perLease(bytes)],
    ],
  );
  // Redis estimates what a stream takes, and too high: the rest is by its own count, and the log what is left.
  const own = rows.reduce((sum, [name, cost]) => (name === 'audit' ? sum : sum + cost.bytes), 0) / leases;
  console.log(
    `goal: under ${GOAL.bytes} bytes per live lease; ${own.toFixed(0)}, ${judged(own < GOAL.bytes)}; its event in the audit log is ${(bytes / leases - own).toFixed(0)} more\n`,
  );
}

/** A broker comes, and a moment after it has found its pace, all of the leases are past their retention. */
async function sweep(store: BenchStore, minuteEnd: number): Promise<void> {
  const redis = store.redis!;
  leaveServingCore(...redis.pids);
  const leadMs = BROKER_STARTS_WITHIN_MS + (WARM_UP_SECONDS + seconds) * SECOND_MS;
  const retentionSeconds = Math.ceil((Date.now() + leadMs - minuteEnd) / SECOND_MS);
  const dueAt = minuteEnd + retentionSeconds * SECOND_MS;
  const place = await brokerPlace(folder, 'sweeping', {
    store: store.yaml,
    more: [`lease_retention: ${retentionSeconds}s`],
  });
  const server = await startBroker(place, dist, { env: store.env });
  await openTasks(place.url);
  const watch = new OverdueWatch(redis, PREFIX, retentionSeconds * SECOND_MS);
  const deadlines = await openDeadlines(place.url);
  const pace = new Pace();
  const known = withKnownTokens(place.url);
  const issue = (forSeconds: number, over = (): boolean => false) => {
    pace.restart();
    const next = () => (over() ? undefined : known());
    const answered = (): void => pace.answered();
    return measure({ urls: [place.url], connections: CONNECTIONS, seconds: forSeconds, next, answered });
  };
  await issue(WARM_UP_SECONDS);
  const normal = await issue(Math.max(1, (dueAt - Date.now()) / SECOND_MS));
  const slowestBefore = Math.min(...pace.perSecond);
  const isSwept = (): boolean => Date.now() > dueAt + SECOND_MS && watch.samples.at(-1)!.forgettingMs === 0;
  const during = await issue(SWEPT_WITHIN_SECONDS, isSwept);
  const slowest = Math.min(...pace.perSecond);
  const sweptAt = watch.samples.findLast(({ forgettingMs }) => forgettingMs > 0)?.at ?? dueAt;
  const caughtUpAt = Date.now();
  const afterwards = await issue(seconds);
  const slowestAfterwards = Math.min(...pace.perSecond);
  await deadlines.stop();
  await watch.stop();
  await server.stop();

  const phase = (
    name: string,
    measured: typeof normal,
    least: number,
    [from, to]: readonly [number, number],
  ): string[] => {
    const late = watch.worst(from, to);
    return [
      name,
      measured.perSecond.toFixed(0),
      String(least),
      measured.p50Ms.toFixed(1),
      measured.p99Ms.toFixed(1),
      late.deadlinesMs.toFixed(0),
    ];
  };
  printTable(
    ['issuing, 64 connections', 'req/s', 'slowest second', 'p50 ms', 'p99 ms', 'latest deadline, ms'],
    [
      phase('before', normal, slowestBefore, [0, dueAt]),
      phase('while they are forgotten', during, slowest, [dueAt, sweptAt]),
      phase('afterwards', afterwards, slowestAfterwards, [caughtUpAt, Infinity]),
    ],
  );
  const took = (sweptAt - dueAt) / SECOND_MS;
  const usual = Math.max(normal.perSecond, afterwards.perSecond);
  console.log(
    `forgotten in ${took.toFixed(1)} s: ${count(Math.round(leases / Math.max(took, 0.1)))} a second`,
  );
  console.log(
    `goal: never under ${GOAL.share * 100} % of the usual pace; the slowest second had ${((slowest / usual) * 100).toFixed(0)} %, ${judged(slowest >= GOAL.share * usual)}`,
  );
  const { deadlinesMs, forgettingMs } = watch.worst(caughtUpAt);
  const latest = Math.max(deadlinesMs, forgettingMs);
  console.log(
    `goal: nothing over ${GOAL.lateMs} ms late once caught up; ${latest.toFixed(0)} ms, ${judged(latest <= GOAL.lateMs)}\n`,
  );
}

/** Tasks that last a moment, one after the other, so that something falls due all the time. */
async function openDeadlines(url: string): Promise<{ stop(): Promise<void> }> {
  const connection = await Connection.open(url);
  const planner = tokenFor('planner');
  let stopped = false;
  const goesOn = (): boolean => !stopped;
  const opening = (async () => {
    for (let number = 0; goesOn(); number++) {
      const body = { id: `short-${number}`, ...TASK_BODY, ttl: DEADLINE_TTL };
      const { status } = await connection.exchange(jsonRequest(url, '/v1/tasks', body, planner));
      if (status !== 201) throw new Error(`opening a task was answered ${status}`);
      await new Promise((resolve) => setTimeout(resolve, DEADLINE_EVERY_MS));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await opening;
      connection.close();
    },
  };
}

/** One agent with all of the leases, killed by an operator; then others, with and without a load. */
async function killing(): Promise<void> {
  const store = await startStore(kind, folder, 'killed');
  const { pids } = store.redis!;
  const place = await brokerPlace(folder, 'killing', { store: store.yaml });
  useAllCores(...pids);
  const open = await store.open();
  const seeder = await Seeder.open(open, place.issuer, store.env.MAYFLY_SEAL_KEY);
  const tasks = await seeder.openTasks(names('run-of-a-planner', Math.ceil(leases / LEASES_PER_TASK)));
  const agent = principalName(TRUST_NAME, 'agent-everywhere');
  const every = Math.ceil(leases / ASKED_AFTER_KILL);
  const credentials: string[] = [];
  await seeder.issueMany(
    leases,
    (index) => ({ taskId: tasks[index % tasks.length]!, agent, ttlMs: HOUR_MS }),
    (lease, index) => {
      if (index % every === 0) credentials.push(seeder.credential(lease));
    },
  );
  leaveServingCore(...pids);
  const server = await startBroker(place, dist, { env: store.env });
  const { url } = place;
  const connection = await Connection.open(url);
  const operator = tokenFor('operator');
  const kill = async (name: string): Promise<number> => {
    const body = { select: { agent: name }, reason: 'to be measured' };
    const request = jsonRequest(url, '/v1/revocations', body, operator);
    const start = performance.now();
    const { status, body: answer } = await connection.exchange(request);
    if (status !== 202) throw new Error(`a kill was answered ${status}: ${answer.toString('utf8')}`);
    return performance.now() - start;
  };
  const others = names(`${TRUST_NAME}/agent`, KILLS);
  const killEach = async (one: (name: string) => Promise<number>): Promise<number[]> => {
    const taken: number[] = [];
    for (const name of others) taken.push(await one(name));
    return taken;
  };
  await killEach(kill);
  const areActive = (): Promise<boolean[]> =>
    Promise.all(credentials.map((credential) => isActive(url, credential)));
  if ((await areActive()).includes(false)) throw new Error('a credential is dead before its time');

  const first = await kill(agent);
  if ((await areActive()).includes(true)) throw new Error('a credential lives after its kill');
  const idle = await killEach(kill);
  const port = await killEach(async (name) => {
    const start = performance.now();
    await open.revoke(
      { select: { kind: 'agent', name }, by: 'mayfly' },
      new AuditEntry(requestId(), 'revocation.create'),
    );
    return performance.now() - start;
  });
  await openTasks(url);
  let over = false;
  const known = withKnownTokens(url);
  const load = measure({
    urls: [url],
    connections: CONNECTIONS,
    seconds: SWEPT_WITHIN_SECONDS,
    next: () => (over ? undefined : known()),
  });
  const loaded = await killEach(kill);
  over = true;
  await load;
  connection.close();
  await open.close();
  await server.stop();
  await store.stop();

  printTable(
    ['kill of an agent', 'kills', 'acknowledged ms', 'slowest'],
    [
      row(`with ${count(leases)} live leases`, [first]),
      row(`of another one, ${count(leases)} leases beside`, idle),
      row('the same through the port alone', port),
      row(`the same by HTTP, with ${CONNECTIONS} connections issuing`, loaded),
    ],
  );
  console.log(
    `goal: acknowledged under ${GOAL.killMs} ms; ${first.toFixed(1)} ms, ${judged(first < GOAL.killMs)}; ${ASKED_AFTER_KILL} of the credentials were asked for right after: all dead`,
  );
}

function row(name: string, taken: readonly number[]): string[] {
  return [name, String(taken.length), median(taken).toFixed(1), Math.max(...taken).toFixed(1)];
}

async function isActive(url: string, credential: string): Promise<boolean> {
  const connection = await Connection.open(url);
  const request = formRequest(
    url,
    '/introspect',
    { token: credential },
    { authorization: `Bearer ${tokenFor('crm-api')}` },
  );
  const { status, body } = await connection.exchange(request);
  connection.close();
  const { active } = JSON.parse(body.toString('utf8')) as { active?: unknown };
  if (status !== 200 || typeof active !== 'boolean') throw new Error(`introspection was answered ${status}`);
  return active;
}

function names(stem: string, howMany: number): string[] {
  return Array.from({ length: howMany }, (_, index) => `${stem}-${String(index).padStart(4, '0')}`);
}

function judged(reached: boolean): string {
  return reached ? 'reached' : 'MISSED';
}
