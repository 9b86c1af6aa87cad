// Floods: what slow, silent, endless and lying callers take from honest ones, how long a kill takes meanwhile, and what memory.
import { freePort } from '../examples/demo/port.js';
import { brokerPlace, buildBroker, startBroker, tokenFor } from './parts/broker.js';
import type { Attacked, Attacker } from './parts/attackers.js';
import { startAttacker } from './parts/attackers.js';
import type { AttackKind } from './parts/attacks.js';
import { ATTACKS } from './parts/attacks.js';
import { temporaryFolder } from './parts/folder.js';
import type { Honest } from './parts/honest.js';
import { honestly, KILL_EVERY_MS } from './parts/honest.js';
import { openTasks, withKnownTokens } from './parts/issuance.js';
import { leaveServingCore, machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { startStore } from './parts/store.js';
import { printTable } from './parts/table.js';

const GOAL = { share: 1 / 2, killMs: 100, memoryBytes: 512 * 1024 * 1024 } as const;
const MEGABYTE = 1024 * 1024;
const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(0);
const ms = (value: number): string => value.toFixed(0);
const SETTLE_MS = 1000;
const AGENTS_AT = '127.0.1.1';
const OPERATOR_AT = '127.0.2.1';
const attackersAt = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `127.66.0.${index + 1}`);
/** Of lying callers fewer: what each address may be wrong about before it is heard no more, is soon used up. */
const LIARS_AT = attackersAt(4);
const ATTACKERS_AT = attackersAt(16);

const { seconds, store: kind } = readOptions(['store'], { seconds: 10 });
/** Fewer where nobody wants the figures: it takes seconds to open ten thousand connections. */
const CONNECTIONS = seconds >= 3 ? { idle: 10_000, loris: 2000 } : { idle: 1000, loris: 200 };

const dist = buildBroker();
const folder = temporaryFolder();
leaveServingCore();
const store = await startStore(kind, folder, 'flooded');
const operationsPort = await freePort();
const place = await brokerPlace(folder, 'flooded', {
  store: store.yaml,
  usualLimits: true,
  more: ['log_level: warn', `operations: { listen: 127.0.0.1:${operationsPort} }`],
});
const { url } = place;
const server = await startBroker(place, dist, { env: store.env });
await openTasks(url);
const known = withKnownTokens(url);
let killed = 0;

interface Row {
  readonly name: string;
  readonly before: Honest;
  readonly during: Honest;
  readonly attacked: Attacked;
  readonly memory: Memory;
  /** How much of its core the broker had; and of that for the attack, with nothing honest to do. */
  readonly busy: number;
  readonly alone: number;
}

interface Memory {
  readonly before: number;
  readonly peak: number;
}

console.log(
  `${machine()}; store: ${kind}; attackers and honest callers share a core\n` +
    `each attack for ${seconds} s beside 16 connections that issue, and a kill every ${KILL_EVERY_MS} ms on a new connection\n`,
);
await work(Math.max(1, seconds / 2));

const rows: Row[] = [];
for (const one of ATTACKS) rows.push(await under(one, [one]));
rows.push(await under('all at once', ATTACKS));
rows.push(await under('garbage, from the address of the honest', ['garbage'], [AGENTS_AT]));
rows.push(await under('idle, from the address of the honest', ['idle'], [AGENTS_AT]));
await pause();
await new Promise((resolve) => setTimeout(resolve, seconds >= 3 ? 5000 : 0));
report(server.residentBytes());
await server.stop();
await store.stop();

/** Without, and right after it with: a shared machine is not the same from minute to minute. */
async function under(name: string, kinds: readonly AttackKind[], from?: readonly string[]): Promise<Row> {
  const resting = server.residentBytes();
  const before = await work(Math.max(1, seconds / 2));
  const tokens = Array.from({ length: 20 }, (_, index) => tokenFor(`agent-${index}`));
  const attackers: Attacker[] = await Promise.all(
    kinds.map((each) => {
      const connections = each === 'idle' ? CONNECTIONS.idle : CONNECTIONS.loris;
      const addresses = from ?? (each === 'garbage' ? LIARS_AT : ATTACKERS_AT);
      return startAttacker(each, { url, addresses, connections, tokens });
    }),
  );
  let peak = resting;
  const watch = setInterval(() => (peak = Math.max(peak, server.residentBytes())), 100);
  await pause();
  const alone = await busyDuring(pause);
  let during: Honest | undefined;
  const busy = await busyDuring(async () => {
    during = await work(seconds);
  });
  const stopped = await Promise.all(attackers.map((attacker) => attacker.stop()));
  clearInterval(watch);
  await pause();
  const sum = (of: (one: Attacked) => number): number => stopped.reduce((total, one) => total + of(one), 0);
  const attacked = {
    opened: sum(({ opened }) => opened),
    closed: sum(({ closed }) => closed),
    answers: sum(({ answers }) => answers),
  };
  return { name, before, during: during!, attacked, memory: { before: resting, peak }, busy, alone };
}

async function busyDuring(what: () => Promise<void>): Promise<number> {
  const used = server.cpuSeconds();
  const since = performance.now();
  await what();
  return ((server.cpuSeconds() - used) * 1000) / (performance.now() - since);
}

async function work(forSeconds: number): Promise<Honest> {
  const tasks = Array.from(
    { length: 2 * Math.ceil((forSeconds * 1000) / KILL_EVERY_MS) },
    () => `kill-${killed++}`,
  );
  await openTasks(url, tasks);
  return honestly({
    url,
    operationsUrl: `http://127.0.0.1:${operationsPort}`,
    seconds: forSeconds,
    requests: known,
    agentAddress: AGENTS_AT,
    operatorAddress: OPERATOR_AT,
    tasks,
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

function report(afterwards: number): void {
  printTable(
    [
      'attack',
      'issued/s',
      'without',
      'share',
      'failed',
      'broker CPU',
      'of the attack',
      'kill p50 ms',
      'p99',
      'most',
      'without: most',
      'failed',
      'at the common door: p99',
      'most',
      'failed',
      'RSS MB',
      'peak',
      'connections',
      'closed',
      'answers',
    ],
    rows.map(({ name, before, during, attacked, memory, busy, alone }) => [
      name,
      during.issuedPerSecond.toFixed(0),
      before.issuedPerSecond.toFixed(0),
      shareOf({ before, during }).toFixed(2),
      String(during.failed),
      `${(busy * 100).toFixed(0)} %`,
      `${(alone * 100).toFixed(0)} %`,
      ms(during.kills.p50Ms),
      ms(during.kills.p99Ms),
      ms(during.kills.mostMs),
      ms(before.kills.mostMs),
      String(during.kills.failed),
      ms(during.commonKills.p99Ms),
      ms(during.commonKills.mostMs),
      String(during.commonKills.failed),
      megabytes(memory.before),
      megabytes(memory.peak),
      String(attacked.opened),
      String(attacked.closed),
      String(attacked.answers),
    ]),
  );
  const least = rows.toSorted((a, b) => shareOf(a) - shareOf(b))[0]!;
  const slowest = rows.toSorted((a, b) => b.during.kills.p99Ms - a.during.kills.p99Ms)[0]!;
  const { p99Ms } = slowest.during.kills;
  const most = Math.max(...rows.map(({ during }) => during.kills.mostMs));
  const common = rows.toSorted((a, b) => b.during.commonKills.p99Ms - a.during.commonKills.p99Ms)[0]!;
  const lost = rows.reduce((sum, { during }) => sum + during.kills.failed, 0);
  const peak = Math.max(...rows.map(({ memory }) => memory.peak));
  console.log(
    `goal: honest callers keep ${GOAL.share} of their throughput; ${shareOf(least).toFixed(2)} (${least.name}), ${judged(shareOf(least) >= GOAL.share)}`,
  );
  console.log(
    `goal: a kill is answered within ${GOAL.killMs} ms (p99), by a new connection to the listener for operations; ${ms(p99Ms)} ms (${slowest.name}), the slowest of all ${ms(most)} ms, ${lost} not answered: ${judged(p99Ms <= GOAL.killMs && lost === 0)}`,
  );
  console.log(
    `by a new connection to the listener of everybody: ${ms(common.during.commonKills.p99Ms)} ms (${common.name})`,
  );
  console.log(
    `goal: under ${megabytes(GOAL.memoryBytes)} MB of memory; ${megabytes(peak)} MB at the most, ${megabytes(afterwards)} MB when all was over, ${judged(peak <= GOAL.memoryBytes)}`,
  );
}

function shareOf({ before, during }: Pick<Row, 'before' | 'during'>): number {
  return during.issuedPerSecond / before.issuedPerSecond;
}

function judged(isMet: boolean): string {
  return isMet ? 'met' : 'MISSED';
}
