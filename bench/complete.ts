// Completion: what it takes until every credential of a task is dead, for tasks of one lease, a thousand and a hundred thousand.
import { HOUR_MS } from '../src/domain/duration.js';
import { principalName } from '../src/domain/ids.js';
import { brokerPlace, buildBroker, startBroker, tokenFor, TRUST_NAME } from './parts/broker.js';
import { Connection } from './parts/connection.js';
import { fsyncMs, temporaryFolder } from './parts/folder.js';
import { leaveServingCore, machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { formRequest, jsonRequest } from './parts/request.js';
import { Seeder } from './parts/seed.js';
import { median } from './parts/statistics.js';
import { startStore } from './parts/store.js';
import { printTable } from './parts/table.js';

const SIZES = [1, 1000, 100_000] as const;
/** Tasks of each size in a round. The large one is the dearest to make. */
const PER_ROUND: Readonly<Record<(typeof SIZES)[number], number>> = { 1: 5, 1000: 5, 100_000: 1 };
const WARM_UPS = 10;
/** The first lease, the last one and fifty others: introspected one after the other as soon as the task is closed. */
const ASKED_AT_ONCE = 52;
/** Of a task's leases, so many are asked for in the end, on several connections. */
const ASKED_IN_THE_END = 1000;
const CONNECTIONS_IN_THE_END = 16;
const GOAL_MS = 10;
/** Longer than a run takes, so that no lease of it ends by itself. */
const TTL_MS = HOUR_MS;

interface SeededTask {
  readonly id: string;
  readonly leases: number;
  /** Credentials of some of the leases: the first, the last, and others at random. */
  readonly credentials: readonly string[];
}

interface Closed {
  readonly build: string;
  readonly size: number;
  readonly acknowledgedMs: number;
  readonly firstInactiveMs: number;
  readonly allInactiveMs: number;
}

const { rounds, also, store: kind } = readOptions(['rounds', 'also', 'store']);
const builds = { mayfly: buildBroker(), ...(also !== undefined && { also }) };
const folder = temporaryFolder();
leaveServingCore();

const store = await startStore(kind, folder, 'complete');
const place = await brokerPlace(folder, 'broker', { store: store.yaml });
const agent = principalName(TRUST_NAME, 'agent-0');
const planner = tokenFor('planner');
const verifier = tokenFor('crm-api');
const closed: Closed[] = [];
let checked = 0;
for (let round = 0; round < rounds; round++) {
  for (const [build, dist] of Object.entries(builds)) await closeAll(`${build}-${round}`, build, dist);
}
report();
await store.stop();

async function closeAll(name: string, build: string, dist: string): Promise<void> {
  const sizes = SIZES.flatMap((size) => Array.from({ length: PER_ROUND[size] }, () => size));
  const seeded = await seed(name, [...sizes, ...Array.from({ length: WARM_UPS }, () => 1)]);
  const [measured, warmUps] = [seeded.slice(0, sizes.length), seeded.slice(sizes.length)];
  const server = await startBroker(place, dist, { env: store.env });
  const connection = await Connection.open(server.url);
  for (const task of warmUps) await close(connection, task);
  for (const task of shuffled(measured)) closed.push({ build, ...(await close(connection, task)) });
  connection.close();
  const last = measured.flatMap(({ credentials }) => credentials.slice(-ASKED_IN_THE_END / measured.length));
  await checkInTheEnd(measured.at(-1)!.credentials.concat(last));
  await server.stop();
}

async function seed(name: string, sizes: readonly number[]): Promise<SeededTask[]> {
  const open = await store.open();
  const seeder = await Seeder.open(open, place.issuer, store.env.MAYFLY_SEAL_KEY);
  const seeded: SeededTask[] = [];
  for (const [index, leases] of sizes.entries()) {
    const id = `${name}-${leases}-${index}`;
    const taskId = await seeder.openTask(id);
    const wanted = someNumbers(leases);
    const credentials: string[] = [];
    await seeder.issueMany(
      leases,
      () => ({ taskId, agent, ttlMs: TTL_MS }),
      (lease, number) => {
        if (wanted.has(number)) credentials.push(seeder.credential(lease));
      },
    );
    seeded.push({ id, leases, credentials });
  }
  await open.close();
  return seeded;
}

/** The first, the last, and as many more as are asked for in the end, or all there are. */
function someNumbers(leases: number): ReadonlySet<number> {
  const numbers = new Set([0, leases - 1]);
  while (numbers.size < Math.min(ASKED_IN_THE_END, leases)) numbers.add(Math.floor(Math.random() * leases));
  return numbers;
}

async function close(
  connection: Connection,
  { id, leases, credentials }: SeededTask,
): Promise<Omit<Closed, 'build'>> {
  const introspections = someOf(credentials).map(introspection);
  for (const request of introspections) {
    if (!(await isActive(connection, request)))
      throw new Error(`a credential of ${id} is dead before its time`);
  }
  const completion = jsonRequest(place.url, `/v1/tasks/${id}/complete`, {}, planner);

  const start = performance.now();
  const { status, body } = await connection.exchange(completion);
  const acknowledgedMs = performance.now() - start;
  if (status !== 200) throw new Error(`closing ${id} was answered ${status}: ${body.toString('utf8')}`);
  let firstInactiveMs: number | undefined;
  for (const request of introspections) {
    if (await isActive(connection, request)) throw new Error(`a credential of ${id} lives after its task`);
    firstInactiveMs ??= performance.now() - start;
  }
  const allInactiveMs = performance.now() - start;
  return { size: leases, acknowledgedMs, firstInactiveMs: firstInactiveMs!, allInactiveMs };
}

/** Always as many, so that tasks of every size are asked alike: of one lease, the same again and again. */
function someOf(credentials: readonly string[]): string[] {
  const some = [credentials[0]!, credentials.at(-1)!];
  while (some.length < ASKED_AT_ONCE) some.push(credentials[Math.floor(Math.random() * credentials.length)]!);
  return some;
}

function introspection(credential: string): Buffer {
  return formRequest(
    place.url,
    '/introspect',
    { token: credential },
    { authorization: `Bearer ${verifier}` },
  );
}

async function isActive(connection: Connection, request: Buffer): Promise<boolean> {
  const { status, body } = await connection.exchange(request);
  const { active } = JSON.parse(body.toString('utf8')) as { active?: unknown };
  if (status !== 200 || typeof active !== 'boolean') throw new Error(`introspection was answered ${status}`);
  return active;
}

async function checkInTheEnd(credentials: readonly string[]): Promise<void> {
  const left = [...credentials];
  const connections = Array.from({ length: CONNECTIONS_IN_THE_END }, () => Connection.open(place.url));
  await Promise.all(
    connections.map(async (opening) => {
      const connection = await opening;
      for (let credential = left.pop(); credential !== undefined; credential = left.pop()) {
        if (await isActive(connection, introspection(credential)))
          throw new Error('a credential lives after its task');
        checked++;
      }
      connection.close();
    }),
  );
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function report(): void {
  console.log(`${machine()}; store: ${kind}; one page on disk takes ${fsyncMs(folder).toFixed(2)} ms`);
  console.log(
    `medians, and the slowest in brackets; of the closed tasks, ${checked} credentials were asked for again\n`,
  );
  for (const build of Object.keys(builds)) reportBuild(build);
}

function reportBuild(build: string): void {
  const bySize = SIZES.map((size) => closed.filter((one) => one.build === build && one.size === size));
  printTable(
    [`${build}: leases`, 'tasks', 'acknowledged ms', 'first inactive ms', `${ASKED_AT_ONCE} inactive ms`],
    bySize.map((of, index) => [
      SIZES[index]!.toLocaleString('en'),
      String(of.length),
      spread(of.map(({ acknowledgedMs }) => acknowledgedMs)),
      spread(of.map(({ firstInactiveMs }) => firstInactiveMs)),
      spread(of.map(({ allInactiveMs }) => allInactiveMs)),
    ]),
  );
  const medians = bySize.map((of) => median(of.map(({ firstInactiveMs }) => firstInactiveMs)));
  const apart = Math.max(...medians) - Math.min(...medians);
  const judged = apart <= GOAL_MS ? 'reached' : 'MISSED';
  console.log(`goal: no more than ${GOAL_MS} ms apart; ${apart.toFixed(1)} ms, ${judged}\n`);
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(1)} (${Math.max(...values).toFixed(1)})`;
}
