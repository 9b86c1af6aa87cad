// Issuance: credentials per second and how long one takes, on one core, beside a well-known authorization server.
import { freePort } from '../examples/demo/port.js';
import type { BrokerPlace } from './parts/broker.js';
import { brokerPlace, buildBroker, startBroker } from './parts/broker.js';
import type { Contending } from './parts/contender.js';
import { CONNECTIONS, Contender, ratio, throughput } from './parts/contender.js';
import { fsyncMs, temporaryFolder } from './parts/folder.js';
import {
  again,
  AGENTS,
  checkLeases,
  openTasks,
  verifyCredentials,
  withKnownTokens,
  withNewTokens,
} from './parts/issuance.js';
import type { Measured } from './parts/load.js';
import { leaveServingCore, machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { clientRequests, startPeer } from './parts/peer.js';
import { startRedis } from './parts/redis.js';
import { formRequest } from './parts/request.js';
import type { Server } from './parts/server.js';
import { startServer } from './parts/server.js';
import { median } from './parts/statistics.js';
import { startStore } from './parts/store.js';
import { printTable } from './parts/table.js';
import { ALGORITHM } from './parts/workload.js';

/** Embedded, every answer waits for a disk: another goal, and another peer, in memory. */
const GOAL = { embedded: 4, redis: 5, cluster: 5 } as const;
const GOAL_HALF_P99_MS = 10;
const ANY_RATE = 1000;

const { seconds, rounds, also, store: kind } = readOptions(['rounds', 'also', 'store']);
const builds = { mayfly: buildBroker(), ...(also !== undefined && { also }) };
const folder = temporaryFolder();
leaveServingCore();

const running: { stop(): Promise<void> }[] = [];
const start = async <Started extends { stop(): Promise<void> }>(
  starting: Promise<Started>,
): Promise<Started> => {
  const started = await starting;
  running.unshift(started);
  return started;
};

const contenders: Contender[] = [];
const halfOf = (most: number): number => most / 2;
/** Of the generator on a bare server: what it adds itself, at the rate of a broker's half. */
const halfOfBroker = (): number => halfOf(throughput(known).at(-1) ?? ANY_RATE);
const add = (contending: Contending): Contender => {
  const contender = new Contender(contending);
  contenders.push(contender);
  return contender;
};

interface Installation {
  readonly url: string;
  readonly loads: readonly Contender[];
}

const installations: Installation[] = [];
for (const [label, dist] of Object.entries(builds)) installations.push(await addBrokers(label, dist));
const [fresh, known] = installations[0]!.loads as [Contender, Contender];
const peer = await addPeer();
const floor = await addFloor();

for (const contender of contenders) await contender.warmUp(seconds);
for (let round = 0; round < rounds; round++) {
  for (let turn = 0; turn < contenders.length; turn++) {
    const contender = contenders[(turn + round) % contenders.length]!;
    await contender.round(seconds, contender === floor ? halfOfBroker : halfOf);
  }
}
for (const { url, loads } of installations) {
  await checkLeases(
    url,
    loads.reduce((sum, { answered }) => sum + answered, 0),
  );
}
report();
for (const one of running) await one.stop();

/** One broker; where the store can have two, a second one on the load generator's core, which is idle until it is asked. */
async function addBrokers(label: string, dist: string): Promise<Installation> {
  const store = await start(startStore(kind, folder, label));
  const place = await brokerPlace(folder, label, { store: store.yaml });
  const { url } = place;
  const terms = { env: store.env };
  const server = await start(startBroker(place, dist, terms));
  await openTasks(url);
  const contending = (name: string, places: readonly BrokerPlace[], servers: readonly Server[]) => ({
    name: `${label}: ${name}`,
    urls: places.map((one) => one.url),
    servers,
    keepers: store.keepers,
    verify: (bodies: readonly Buffer[]) => verifyCredentials(place, bodies),
  });
  const loads = [
    add({
      ...contending('every workload token new', [place], [server]),
      prepare: (count) => withNewTokens(url, count),
    }),
    add({
      ...contending(`${AGENTS} agents use their tokens again`, [place], [server]),
      prepare: () => withKnownTokens(url),
    }),
  ];
  if (kind === 'embedded') return { url, loads };

  const beside = (name: string): Promise<BrokerPlace> =>
    brokerPlace(folder, `${label}-${name}`, { store: store.yaml, issuer: place.issuer });
  const second = await beside('second');
  const onSameCore = await start(startBroker(second, dist, terms));
  const third = await beside('third');
  const onAskingCore = await start(startBroker(third, dist, { ...terms, onAskingCore: true }));
  const pairs = [
    contending('the same, two brokers on one core', [place, second], [server, onSameCore]),
    contending('the same, the second on the core of Redis and load', [place, third], [server, onAskingCore]),
  ];
  for (const pair of pairs) loads.push(add({ ...pair, prepare: () => withKnownTokens(url) }));
  return { url, loads };
}

async function addPeer(): Promise<Contender> {
  const redis = kind === 'embedded' ? undefined : await start(startRedis());
  const server = await start(startPeer(folder, redis?.port));
  const { url } = server;
  return add({
    name: 'oidc-provider: client_credentials, private_key_jwt',
    urls: [url],
    servers: [server],
    keepers: redis ? [redis] : [],
    prepare: (count) => clientRequests(url, count),
    verify: (bodies) => verifyCredentials({ url, issuer: url }, bodies),
  });
}

async function addFloor(): Promise<Contender> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [new URL('parts/floor.mjs', import.meta.url).pathname, new URL(url).port];
  const server = await start(startServer({ name: 'floor', folder, url, ready: '/' }, args));
  const bare = formRequest(url, '/', { token: 'x'.repeat(500) });
  return add({
    name: 'the load generator on a bare node:http',
    urls: [url],
    servers: [server],
    keepers: [],
    prepare: () => again([bare]),
  });
}

function report(): void {
  console.log(`${machine()}; store: ${kind}; one page on disk takes ${fsyncMs(folder).toFixed(2)} ms`);
  console.log(
    `${ALGORITHM} in and out; medians of ${rounds} interleaved rounds: ${seconds} s with ${CONNECTIONS} connections, ${seconds / 2} s at half of what that reached, ${seconds / 5} s with one connection\n`,
  );
  printTable(
    [
      '',
      'req/s',
      'best',
      'peer ×',
      'p50 ms',
      'p99 ms',
      'CPU µs',
      'CPU ×',
      'Redis CPU µs',
      'half: req/s',
      'p50 ms',
      'p99 ms',
      'best p99',
      'alone: p50 ms',
      'p99 ms',
    ],
    contenders.map((contender) => [
      contender.name,
      median(throughput(contender)).toFixed(0),
      Math.max(...throughput(contender)).toFixed(0),
      contender === floor ? '' : ratio(throughput(contender), throughput(peer)).toFixed(2),
      ...latencies(contender.loaded),
      median(contender.cpuMicros).toFixed(0),
      contender === floor ? '' : ratio(peer.cpuMicros, contender.cpuMicros).toFixed(2),
      kind === 'embedded' || contender === floor ? '' : median(contender.keeperMicros).toFixed(0),
      median(contender.half.map(({ perSecond }) => perSecond)).toFixed(0),
      ...latencies(contender.half),
      Math.min(...contender.half.map(({ p99Ms }) => p99Ms)).toFixed(2),
      ...latencies(contender.alone),
    ]),
  );
  const [newTimes, knownTimes] = [fresh, known].map((load) =>
    ratio(throughput(load), throughput(peer)).toFixed(1),
  );
  console.log(
    `goal: ${GOAL[kind]} times the peer; ${newTimes} times with tokens never seen, ${knownTimes} times with tokens used again`,
  );
  const [newP99, knownP99] = [fresh, known].map(({ half }) => latencies(half)[1]);
  console.log(
    `goal: p99 under ${GOAL_HALF_P99_MS} ms at half of the most; ${newP99} ms with tokens never seen, ${knownP99} ms with tokens used again`,
  );
}

function latencies(measured: readonly Measured[]): [p50: string, p99: string] {
  return [
    median(measured.map(({ p50Ms }) => p50Ms)).toFixed(2),
    median(measured.map(({ p99Ms }) => p99Ms)).toFixed(2),
  ];
}
