// The kill: from the completion of a task until the last of many verifiers refuses its credentials, with two brokers.
import { setTimeout as pause } from 'node:timers/promises';
import { HOUR_MS } from '../src/domain/duration.js';
import { principalName } from '../src/domain/ids.js';
import type { BrokerPlace } from './parts/broker.js';
import { brokerPlace, buildBroker, startBroker, tokenFor, TRUST_NAME } from './parts/broker.js';
import { Connection } from './parts/connection.js';
import { temporaryFolder } from './parts/folder.js';
import { unpinned } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { jsonRequest } from './parts/request.js';
import { Seeder } from './parts/seed.js';
import { quantile } from './parts/statistics.js';
import { startStore } from './parts/store.js';
import { printTable } from './parts/table.js';
import type { Counts } from './parts/watching.js';
import { Watching } from './parts/watching.js';

interface Scene {
  readonly verifiers: number;
  readonly credentials: number;
  readonly kills: number;
}

interface Kill {
  readonly acknowledgedMs: number;
  /** From the completion being sent; from its acknowledgement: below zero where all refused before that. */
  readonly sinceSentMs: number;
  readonly sinceAcknowledgedMs: number;
}

const GOALS_MS: Readonly<Record<number, number>> = { 100: 25, 1000: 100 };
/** By how many credentials a task has: those of the large ones take longest to make. */
const KILLS: Readonly<Record<number, number>> = { 1: 500, 1000: 100 };
/** Below this many seconds nobody wants the figures, only to know that all of it works. */
const IN_EARNEST_SECONDS = 3;
/** A kill comes at any moment between two heartbeats (1 s), and when verifiers are done with what they were shown before. */
const SETTLE_MS = 200;
const WITHIN_MS = 1000;
/** As many as verifiers have cores for. */
const PROCESSES = 2;
const TTL_MS = HOUR_MS;
/** Tasks are seeded so many at a time: their credentials are kept in memory. */
const MOST_KEPT_CREDENTIALS = 50_000;

const { seconds, verifiers: only } = readOptions(['verifiers']);
const inEarnest = seconds >= IN_EARNEST_SECONDS;
const scenes: readonly Scene[] = inEarnest
  ? [100, 1000]
      .filter((verifiers) => verifiers === (only ?? verifiers))
      .flatMap((verifiers) =>
        [1, 1000].map((credentials) => ({ verifiers, credentials, kills: KILLS[credentials]! })),
      )
  : [{ verifiers: 20, credentials: 10, kills: 20 }];

const dist = buildBroker();
const folder = temporaryFolder();
const store = await startStore('redis', folder, 'kill');
const terms = { store: store.yaml, more: ['http: { max_connections_per_address: 8192 }'] };
const first = await brokerPlace(folder, 'first', terms);
const places: readonly BrokerPlace[] = [
  first,
  await brokerPlace(folder, 'second', { ...terms, issuer: first.issuer }),
];
// Neither brokers nor verifiers have a core of their own: all of them want one at the same moment.
const brokers = [];
for (const place of places) brokers.push(await startBroker(place, dist, { env: store.env, anyCore: true }));

console.log(
  `${unpinned()}; 2 brokers, one Redis, verifiers in ${PROCESSES} processes; all of it on the same cores\n`,
);
const rows: string[][] = [];
let missed = 0;
let wrongInAll = 0;
for (const scene of scenes) rows.push(await played(scene));
printTable(
  [
    'verifiers',
    'credentials',
    'kills',
    'acknowledged p50',
    'p99',
    'last refuses, after sending p50',
    'p99',
    'max',
    'after acknowledgement p50',
    'p99',
    'max',
  ],
  rows,
);
for (const broker of brokers) await broker.stop();
await store.stop();
if (wrongInAll > 0)
  throw new Error(`${wrongInAll} dead credentials were accepted after their verifier had refused`);
console.log(missed === 0 ? 'goals reached' : `${missed} goals MISSED`);

async function played({ verifiers, credentials, kills }: Scene): Promise<string[]> {
  const watching = await Watching.start(PROCESSES, dist, {
    count: verifiers,
    urls: places.map(({ url }) => url),
    issuer: first.issuer,
    token: tokenFor('crm-api'),
  });
  const killed: Kill[] = [];
  let counts: Counts = { wrong: 0, probes: 0, stale: 0 };
  const perSeeding = Math.max(1, Math.floor(MOST_KEPT_CREDENTIALS / credentials));
  for (let done = 0; done < kills; done += perSeeding) {
    const seeded = await seed(
      `${verifiers}-${credentials}-${done}`,
      Math.min(perSeeding, kills - done),
      credentials,
    );
    // After the seeding: a connection that says nothing for long is closed.
    const connections = await Promise.all(places.map(({ url }) => Connection.open(url)));
    for (const [index, { id, tokens }] of seeded.entries()) {
      await watching.honour(tokens);
      await pause(SETTLE_MS + (inEarnest ? Math.random() * WITHIN_MS : 0));
      const refusing = watching.allRefusing();
      const at = index % places.length;
      const completion = jsonRequest(places[at]!.url, `/v1/tasks/${id}/complete`, {}, tokenFor('planner'));
      const sentAt = now();
      const { status } = await connections[at]!.exchange(completion);
      const acknowledgedAt = now();
      if (status !== 200) throw new Error(`closing ${id} was answered ${status}`);
      const { lastAt, ...said } = await refusing;
      counts = said;
      killed.push({
        acknowledgedMs: acknowledgedAt - sentAt,
        sinceSentMs: lastAt - sentAt,
        sinceAcknowledgedMs: lastAt - acknowledgedAt,
      });
    }
    for (const connection of connections) connection.close();
  }
  await watching.stop();
  wrongInAll += counts.wrong;
  return row({ verifiers, credentials, kills }, killed, counts);
}

function row(
  { verifiers, credentials, kills }: Scene,
  killed: readonly Kill[],
  { wrong, probes, stale }: Counts,
): string[] {
  const of = (measure: keyof Kill, ...shares: number[]): number[] => {
    const sorted = killed.map((kill) => kill[measure]).toSorted((a, b) => a - b);
    return shares.map((share) => quantile(sorted, share));
  };
  const [afterP50, afterP99, afterMost] = of('sinceAcknowledgedMs', 0.5, 0.99, 1) as [number, number, number];
  const goal = GOALS_MS[verifiers];
  if (goal !== undefined && afterP99 > goal) missed++;
  const reached =
    goal === undefined ? '' : `; goal under ${goal} ms: ${afterP99 > goal ? 'MISSED' : 'reached'}`;
  console.log(
    `${verifiers} verifiers, ${credentials} credentials: ${probes} probes meanwhile, ${wrong} accepted what was dead, ${stale} met a verifier that had heard nothing for too long; after the acknowledgement p50 ${afterP50.toFixed(1)} ms, p99 ${afterP99.toFixed(1)} ms${reached}`,
  );
  const figures = [
    ...of('acknowledgedMs', 0.5, 0.99),
    ...of('sinceSentMs', 0.5, 0.99, 1),
    afterP50,
    afterP99,
    afterMost,
  ];
  return [verifiers, credentials, kills].map(String).concat(figures.map((ms) => ms.toFixed(1)));
}

/** Through the store's port: what is measured begins with the completion. */
async function seed(
  name: string,
  tasks: number,
  credentials: number,
): Promise<{ readonly id: string; readonly tokens: readonly string[] }[]> {
  const open = await store.open();
  const seeder = await Seeder.open(open, first.issuer, store.env.MAYFLY_SEAL_KEY);
  const agent = principalName(TRUST_NAME, 'agent-0');
  const seeded: { id: string; tokens: string[] }[] = [];
  for (let task = 0; task < tasks; task++) {
    const id = `${name}-${task}`;
    const taskId = await seeder.openTask(id);
    const tokens: string[] = [];
    await seeder.issueMany(
      credentials,
      () => ({ taskId, agent, ttlMs: TTL_MS }),
      (lease) => tokens.push(seeder.credential(lease)),
    );
    seeded.push({ id, tokens });
  }
  await open.close();
  return seeded;
}

/** Of the whole machine: the same clock as that of the verifiers' processes. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
