// The kill at its targets: a task with a credential of each kind, in use, completed; how long until each is known to be dead.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import type { CredentialsView } from '../src/wire/credentials.js';
import type { ReceiptClaims } from '../src/wire/receipt.js';
import { hasCeph } from '../test/fixtures/ceph.js';
import { hasPostgres, PostgresServer } from '../test/fixtures/postgres.js';
import { brokerPlace, buildBroker, startBroker, TOOL, tokenFor } from './parts/broker.js';
import { Connection } from './parts/connection.js';
import { temporaryFolder } from './parts/folder.js';
import { unpinned } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { getRequest, jsonRequest } from './parts/request.js';
import { quantile } from './parts/statistics.js';
import { startStore } from './parts/store.js';
import { IN_FORCE_AFTER_MS, startSts } from './parts/sts.js';
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
const GOAL_MS = { confirmed: 50, accepted: 100 };
const BROKER = { user: 'mayfly_broker', password: 'of-the-broker' };
const DATABASE = 'ledger';

/** Milliseconds, from the completion being sent. */
interface Killed {
  readonly id: string;
  readonly acknowledged: number;
  /** What the agent's own session saw of it. */
  readonly queryEnded: number;
  readonly readRefused?: number;
}

/** Milliseconds from the order, by the receipt, in store time; by kind of credential. */
interface Told {
  readonly accepted: Readonly<Record<string, number>>;
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
const sts = hasCeph ? await startSts(folder, tasks + WARM_UPS) : undefined;
const tools = { ledger, ...(sts && { reports: sts.tool }) };
const place = await brokerPlace(folder, 'broker', { store: store.yaml, tools });
const broker = await startBroker(place, dist, { env: store.env, anyCore: true });
const connection = await Connection.open(broker.url);

for (let n = 0; n < WARM_UPS; n++) await killed(`warm-up-${n}`);
const all: Killed[] = [];
for (let n = 0; n < tasks; n++) all.push(await killed(`task-${n}`));
// Only now: that a session of AWS is confirmed takes as long as is configured, and nobody has to wait for it.
const told: Told[] = [];
for (const { id } of all) told.push(timesIn(await receiptOf(id)));
report();

connection.close();
await broker.stop();
await store.stop();
await database.close();
await sts?.close();

async function killed(id: string): Promise<Killed> {
  const { client, session } = await inUse(id);
  const query = ended(client);
  await pause(SETTLE_MS);
  const sentAt = performance.now();
  const completion = connection.exchange(
    jsonRequest(broker.url, `/v1/tasks/${id}/complete`, {}, tokenFor('planner')),
  );
  const refused = session === undefined ? undefined : sts?.refused(session);
  const { status } = await completion;
  const acknowledged = performance.now() - sentAt;
  if (status !== 200) throw new Error(`closing ${id} was answered ${status}`);
  const [queryEnded, readRefused] = await Promise.all([query, refused]);
  return {
    id,
    acknowledged,
    queryEnded: queryEnded - sentAt,
    ...(readRefused !== undefined && { readRefused: readRefused - sentAt }),
  };
}

function timesIn({ sub: id, credentials }: ReceiptClaims): Told {
  const since = (at: string | undefined, from: string | undefined): number => {
    if (from === undefined || at === undefined) throw new Error(`a credential of ${id} is not dead`);
    return Date.parse(at) - Date.parse(from);
  };
  const accepting = credentials.filter(({ accepted_at: at }) => at !== undefined);
  return {
    accepted: Object.fromEntries(
      accepting.map((one) => [one.kind, since(one.accepted_at, one.requested_at)]),
    ),
    confirmed: Object.fromEntries(
      credentials.map((one) => [one.kind, since(one.confirmed_at, one.requested_at)]),
    ),
  };
}

/** A task with a credential of each kind, and a session by the one that is a login. */
async function inUse(id: string): Promise<{ client: Client; session?: string }> {
  const names = [TOOL.name, ...Object.keys(tools)];
  await asked(201, '/v1/tasks', 'planner', {
    id,
    purpose: 'a benchmark',
    agents: ['cluster/agent-0'],
    tools: names.map((tool) => ({ tool, actions: ['read'] })),
    ttl: '10m',
  });
  const { credentials } = (await asked(200, `/v1/tasks/${id}/credentials`, 'agent-0', {
    credentials: names.map((audience) => ({ audience })),
  })) as CredentialsView;
  const [, login, session] = credentials.map((one) => ('access_token' in one ? one.access_token : undefined));
  if (login === undefined || (sts && session === undefined))
    throw new Error(`not all of them: ${JSON.stringify(credentials)}`);
  const { user, password } = JSON.parse(login) as { user: string; password: string };
  const client = await database.connect({ user, password, database: DATABASE });
  if (session === undefined) return { client };
  await sts?.reads(session);
  return { client, session };
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
  const gateway = sts ? `, Ceph as STS and IAM (in force after ${IN_FORCE_AFTER_MS} ms)` : '';
  console.log(
    `\n${unpinned()}; store: ${kind}; one broker, PostgreSQL without fsync${gateway}; ${tasks} tasks, one after the other\n`,
  );
  if (!sts) console.log('Ceph is not on this machine: no sessions of AWS were measured\n');
  const kinds = { jwt: 'jwt', postgres: 'postgres', aws: 'aws-sts' };
  printTable(
    ['from the completion, in ms', 'p50', 'p99', 'max'],
    [
      ...row(
        'sent → acknowledged: all are ordered to end',
        all.map((one) => one.acknowledged),
      ),
      ...row(
        'ordered → confirmed, jwt',
        told.map(({ confirmed }) => confirmed[kinds.jwt]),
      ),
      ...row(
        'ordered → confirmed, postgres',
        told.map(({ confirmed }) => confirmed[kinds.postgres]),
      ),
      ...row(
        'sent → the running query has ended',
        all.map((one) => one.queryEnded),
      ),
      ...row(
        'ordered → accepted by IAM, aws-sts',
        told.map(({ accepted }) => accepted[kinds.aws]),
      ),
      ...row(
        'sent → S3 refuses',
        all.map((one) => one.readRefused),
      ),
      ...row(
        'ordered → confirmed, aws-sts',
        told.map(({ confirmed }) => confirmed[kinds.aws]),
      ),
    ],
  );
  goal(
    'PostgreSQL confirmed, with a query that runs,',
    told.map(({ confirmed }) => confirmed[kinds.postgres]!),
    GOAL_MS.confirmed,
  );
  if (sts)
    goal(
      'STS requested, which is accepted by IAM,',
      told.map(({ accepted }) => accepted[kinds.aws]!),
      GOAL_MS.accepted,
    );
}

function row(what: string, times: readonly (number | undefined)[]): string[][] {
  const sorted = times.filter((time) => time !== undefined).toSorted((a, b) => a - b);
  if (sorted.length === 0) return [];
  return [[what, ...[0.5, 0.99, 1].map((share) => quantile(sorted, share).toFixed(1))]];
}

function goal(what: string, times: readonly number[], mostMs: number): void {
  const sorted = times.toSorted((a, b) => a - b);
  const p99 = quantile(sorted, 0.99);
  console.log(`goal: ${what} under ${mostMs} ms (p99): ${p99} ms, ${p99 < mostMs ? 'reached' : 'MISSED'}`);
}
