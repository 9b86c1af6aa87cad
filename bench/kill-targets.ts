// The kill at its targets: a task with a credential of each kind, in use, completed; how long until each is known to be dead.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import type { CredentialsView } from '../src/wire/credentials.js';
import type { ReceiptClaims } from '../src/wire/receipt.js';
import { hasPostgres, PostgresServer } from '../test/fixtures/postgres.js';
import { brokerPlace, buildBroker, startBroker, TOOL, tokenFor } from './parts/broker.js';
import { Connection } from './parts/connection.js';
import { temporaryFolder } from './parts/folder.js';
import { unpinned } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { getRequest, jsonRequest } from './parts/request.js';
import { quantile } from './parts/statistics.js';
import { startStore } from './parts/store.js';
import { printTable } from './parts/table.js';

/** Below this many seconds nobody wants the figures, only to know that all of it works. */
const IN_EARNEST_SECONDS = 3;
const TASKS = 500;
const FEW_TASKS = 10;
const WARM_UPS = 10;
/** Until the query runs. */
const SETTLE_MS = 20;
const LOOK_EVERY_MS = 2;
const LONGEST_MS = 20_000;
const GOAL_MS = 50;
const BROKER = { user: 'mayfly_broker', password: 'of-the-broker' };
const DATABASE = 'ledger';

/** Milliseconds. */
interface Killed {
  readonly acknowledged: number;
  /** From the completion being sent to what the agent's own session saw of it. */
  readonly queryEnded: number;
  /** From the order to the confirmation, by the receipt: in store time. */
  readonly confirmed: Readonly<Record<string, number>>;
}

if (!hasPostgres) {
  console.log('PostgreSQL is not on this machine: nothing was measured');
  process.exit(0);
}
const { seconds, store: kind } = readOptions(['store']);
const tasks = seconds >= IN_EARNEST_SECONDS ? TASKS : FEW_TASKS;
const dist = buildBroker();
const folder = temporaryFolder();
const database = await PostgresServer.start();
await prepare();
writeFileSync(path.join(folder, 'password'), BROKER.password);

const store = await startStore(kind, folder, 'kill-targets');
const credential = [
  `kind: postgres, host: 127.0.0.1, port: ${database.port}, database: ${DATABASE}, user: ${BROKER.user}`,
  `password_file: ${path.join(folder, 'password')}, tls: false`,
  `actions: { read: { grant: ['GRANT SELECT ON entries TO {{role}}'] } }`,
].join(', ');
const ledger = `{ plane: data, audience: 'https://ledger.example', actions: [read], credential: { ${credential} } }`;
const place = await brokerPlace(folder, 'broker', { store: store.yaml, tools: { ledger } });
const broker = await startBroker(place, dist, { env: store.env, anyCore: true });
const connection = await Connection.open(broker.url);

for (let n = 0; n < WARM_UPS; n++) await killed(`warm-up-${n}`);
const all: Killed[] = [];
for (let n = 0; n < tasks; n++) all.push(await killed(`task-${n}`));
report();

connection.close();
await broker.stop();
await store.stop();
await database.close();

async function killed(id: string): Promise<Killed> {
  const client = await inUse(id);
  const query = ended(client);
  await pause(SETTLE_MS);
  const sentAt = performance.now();
  const { status } = await connection.exchange(
    jsonRequest(broker.url, `/v1/tasks/${id}/complete`, {}, tokenFor('planner')),
  );
  const acknowledged = performance.now() - sentAt;
  if (status !== 200) throw new Error(`closing ${id} was answered ${status}`);
  const queryEnded = (await query) - sentAt;
  const { credentials } = await receiptOf(id);
  const confirmed = credentials.map(({ kind: of, requested_at: requested, confirmed_at: at }) => {
    if (requested === undefined || at === undefined) throw new Error(`a credential of ${id} is not dead`);
    return [of, Date.parse(at) - Date.parse(requested)] as const;
  });
  return { acknowledged, queryEnded, confirmed: Object.fromEntries(confirmed) };
}

/** A task with a credential of each kind, and a session by the one that is a login. */
async function inUse(id: string): Promise<Client> {
  await asked(201, '/v1/tasks', 'planner', {
    id,
    purpose: 'a benchmark',
    agents: ['cluster/agent-0'],
    tools: [TOOL.name, 'ledger'].map((tool) => ({ tool, actions: ['read'] })),
    ttl: '10m',
  });
  const { credentials } = (await asked(200, `/v1/tasks/${id}/credentials`, 'agent-0', {
    credentials: [{ audience: TOOL.name }, { audience: 'ledger' }],
  })) as CredentialsView;
  const [, login] = credentials;
  if (!login || !('access_token' in login)) throw new Error(`no login: ${JSON.stringify(credentials)}`);
  const { user, password } = JSON.parse(login.access_token) as { user: string; password: string };
  return database.connect({ user, password, database: DATABASE });
}

/** When a query ended that would have gone on for long. */
async function ended(client: Client): Promise<number> {
  await client.query('SELECT pg_sleep(600)').catch(() => undefined);
  return performance.now();
}

async function asked(status: number, at: string, as: string, body: object): Promise<unknown> {
  const answer = await connection.exchange(jsonRequest(broker.url, at, body, tokenFor(as)));
  if (answer.status !== status)
    throw new Error(`${at} was answered ${answer.status}: ${answer.body.toString()}`);
  return JSON.parse(answer.body.toString());
}

/** As soon as there is one: a task is settled when its last credential is. */
async function receiptOf(id: string): Promise<ReceiptClaims> {
  const request = getRequest(broker.url, `/v1/tasks/${id}/receipt`, tokenFor('planner'));
  for (const until = performance.now() + LONGEST_MS; ; await pause(LOOK_EVERY_MS)) {
    const { status, body } = await connection.exchange(request);
    if (status === 200)
      return JSON.parse(Buffer.from(body.toString().split('.')[1]!, 'base64url').toString()) as ReceiptClaims;
    if (performance.now() > until) throw new Error(`${id} did not settle`);
  }
}

async function prepare(): Promise<void> {
  const admin = await database.admin();
  await admin.query(`CREATE DATABASE ${DATABASE}`);
  const own = await database.admin(DATABASE);
  await own.query(`CREATE TABLE entries (id int);
    CREATE ROLE ${BROKER.user} LOGIN CREATEROLE PASSWORD '${BROKER.password}';
    GRANT pg_signal_backend TO ${BROKER.user};
    GRANT SELECT ON entries TO ${BROKER.user} WITH GRANT OPTION`);
  await Promise.all([admin.end(), own.end()]);
}

function report(): void {
  console.log(
    `\n${unpinned()}; store: ${kind}; one broker, PostgreSQL without fsync; ${tasks} tasks, one after the other\n`,
  );
  const row = (what: string, of: (one: Killed) => number): string[] => {
    const sorted = all.map(of).toSorted((a, b) => a - b);
    return [what, ...[0.5, 0.99, 1].map((share) => quantile(sorted, share).toFixed(1))];
  };
  printTable(
    ['from the completion, in ms', 'p50', 'p99', 'max'],
    [
      row('sent → acknowledged: all are ordered to end', ({ acknowledged }) => acknowledged),
      row('ordered → confirmed, jwt', ({ confirmed }) => confirmed['jwt']!),
      row('ordered → confirmed, postgres', ({ confirmed }) => confirmed['postgres']!),
      row('sent → the running query has ended', ({ queryEnded }) => queryEnded),
    ],
  );
  const sorted = all.map(({ confirmed }) => confirmed['postgres']!).toSorted((a, b) => a - b);
  const p99 = quantile(sorted, 0.99);
  console.log(
    `goal: PostgreSQL confirmed under ${GOAL_MS} ms (p99), with a query that runs: ${p99} ms, ${p99 < GOAL_MS ? 'reached' : 'MISSED'}`,
  );
}
