// What a request pays at the edge, piece by piece and without a server: proofs by a key, and being asked for by limits.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../src/domain/clock.js';
import type { PrincipalName, TaskId } from '../src/domain/ids.js';
import { Refusal } from '../src/domain/refusal.js';
import type { Task } from '../src/domain/task.js';
import { Nonces } from '../src/identity/dpop/nonces.js';
import { Proofs } from '../src/identity/dpop/proofs.js';
import { Limits } from '../src/limits/limits.js';
import { Buckets } from '../src/limits/rate.js';
import type { Store } from '../src/store/store.js';
import { Prover } from '../test/fixtures/prover.js';
import { machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { printTable } from './parts/table.js';

const PIECES = 5;
const BATCH = 256;
const TOKEN_ENDPOINT = 'https://mayfly.example/token';
const PLENTY = { perSecond: 1e9, burst: 1e9 };
const { seconds } = readOptions([]);
const clock = systemClock();

/** CPU µs of each, of as many as go into the time; what has to be made for it beforehand is not in it. */
async function costOf<Made>(make: () => Made, use: (made: Made) => unknown): Promise<string> {
  const until = performance.now() + (seconds * 1000) / PIECES;
  let used = 0;
  let count = 0;
  while (performance.now() < until) {
    const batch = Array.from({ length: BATCH }, make);
    const before = process.cpuUsage();
    for (const made of batch) await use(made);
    const { user, system } = process.cpuUsage(before);
    used += user + system;
    count += BATCH;
  }
  return (used / count).toFixed(2);
}

const proofs = new Proofs({
  terms: { maxAgeMs: 60_000, clockToleranceMs: 30_000, nonces: 'optional' },
  nonces: new Nonces([randomBytes(32)]),
  clock,
  // The store's part is a call of its own: bench/issue.ts shows what one takes.
  store: { once: () => Promise.resolve(true) },
});

async function prove(proof: string): Promise<void> {
  const reading = proofs.read({ headers: [proof], method: 'POST', uri: TOKEN_ENDPOINT });
  const proven = reading.proof instanceof Refusal ? reading.proof : await proofs.prove(reading.proof);
  if (proven instanceof Refusal) throw new Error(proven.reason);
}

const limits = new Limits({
  settings: {
    requestsPerPrincipal: PLENTY,
    refusalsPerAddress: PLENTY,
    recordedRefusals: PLENTY,
    liveLeasesPerTask: 1e9,
    liveLeasesPerAgent: 1e9,
    summaryEveryMs: 60_000,
  },
  store: { countLive: () => Promise.resolve({ count: 0 }) } as unknown as Store,
  clock,
  log: { warn: () => {}, error: () => {} },
  alone: true,
});
const task = { id: 'run-1' as TaskId, openedAt: clock.now() } as Task;
const agents = Array.from({ length: 200 }, (_, index) => `cluster/agent-${index}` as PrincipalName);
let turn = 0;
const anyAgent = (): PrincipalName => agents[turn++ % agents.length]!;

/** As many as src/limits/limits.ts keeps. */
const MOST_ADDRESSES = 100_000;

/** What so many addresses, each heard once, leave in memory. */
function memoryOf(addresses: number): string {
  const before = process.memoryUsage().rss;
  const buckets = new Buckets({ perSecond: 1, burst: 100 }, MOST_ADDRESSES);
  for (let index = 0; index < addresses; index++) buckets.take(`198.51.${index >> 8}.${index & 255}`, 0);
  if (buckets.size > MOST_ADDRESSES) throw new Error(`${buckets.size} addresses are kept`);
  return `${((process.memoryUsage().rss - before) / 1e6).toFixed(0)} MB`;
}

// First, while the memory is still as it was.
const few = memoryOf(MOST_ADDRESSES);
const many = memoryOf(11 * MOST_ADDRESSES);
const known = new Prover(clock);
console.log(`${machine()}; no server and no store: CPU of one process\n`);
printTable(
  ['', 'CPU µs'],
  [
    ['a proof by a key that is known', await costOf(() => known.proof('POST', TOKEN_ENDPOINT), prove)],
    ['a proof by a new key', await costOf(() => new Prover(clock).proof('POST', TOKEN_ENDPOINT), prove)],
    ['nothing, measured in the same way', await costOf(anyAgent, () => undefined)],
    ['the rate of a principal', await costOf(anyAgent, (agent) => limits.refusesRequest(agent))],
    [
      'places for a lease: of its task, of its agent',
      await costOf(anyAgent, async (agent) => {
        const place = await limits.placeForLease(task, agent);
        if (place instanceof Refusal) throw new Error(place.reason);
        place.taken(300_000);
      }),
    ],
  ],
);
console.log(
  `\n  addresses in memory: ${few} with ${MOST_ADDRESSES}, ${many} more with eleven times as many, garbage included`,
);
await limits.stop();
