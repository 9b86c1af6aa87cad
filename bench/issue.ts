// Issuance: credentials per second and how long one takes, on one core, beside a well-known authorization server.
import { randomInt } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../src/wire/token.js';
import { freePort } from '../examples/demo/port.js';
import { brokerPlace, buildBroker, startBroker, tokenFor, TOOL, TRUST_NAME } from './parts/broker.js';
import { Connection } from './parts/connection.js';
import { fsyncMs, temporaryFolder } from './parts/folder.js';
import type { Measured } from './parts/load.js';
import { measure } from './parts/load.js';
import { leaveServingCore, machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { formRequest, getRequest, jsonRequest } from './parts/request.js';
import type { Server } from './parts/server.js';
import { startServer } from './parts/server.js';
import { median } from './parts/statistics.js';
import { printTable } from './parts/table.js';
import { ALGORITHM, publicJwks, workloadToken } from './parts/workload.js';

const ROUNDS = 3;
const CONNECTIONS = 64;
const TASKS = 500;
const AGENTS = 200;
const GOAL = 4;
/** Requests that are not measured, so that the code is compiled and the caches are as they will be. */
const WARM_UP = 2500;
/** One connection waits for the disk each time: no more than this is asked for in the fifth of the time that it has. */
const ALONE_PER_SECOND = 800;
const FASTER_ONCE_WARM = 3;
/** Of a load whose requests may be sent again: enough to be any mix of agents and tasks. */
const DISTINCT_REUSED = 4000;
const VERIFIED_PER_ROUND = 20;
/** What both servers must hand out: an access token by RFC 9068. */
const EXPECTED = { audience: TOOL.audience, typ: 'at+jwt', requiredClaims: ['jti', 'exp'] };

/** One kind of load on one server. */
interface Contender {
  readonly name: string;
  readonly server: Server;
  /** So many requests, made ready. */
  prepare(count: number): () => Buffer | undefined;
  /** Throws where what was handed out is not a credential. */
  verify?(bodies: readonly Buffer[]): Promise<void>;
  readonly loaded: Measured[];
  readonly alone: Measured[];
  /** CPU time of a request in microseconds, by round. */
  readonly cpuMicros: number[];
  answered: number;
  /** No slower than it will be: so many requests are made ready. */
  expectedPerSecond: number;
}

const { seconds, also } = readOptions(5);
const dist = buildBroker();
const folder = temporaryFolder();
leaveServingCore();

const agents = Array.from({ length: AGENTS }, (_, index) => `agent-${index}`);
const tasks = Array.from({ length: TASKS }, (_, index) => `run-${index}`);
const anyOf = <Item>(items: readonly Item[]): Item => items[randomInt(items.length)]!;

const servers: Server[] = [];
const contenders: Contender[] = [];
const add = (
  contender: Omit<Contender, 'loaded' | 'alone' | 'cpuMicros' | 'answered' | 'expectedPerSecond'>,
): Contender => {
  const added = { ...contender, loaded: [], alone: [], cpuMicros: [], answered: 0, expectedPerSecond: 0 };
  contenders.push(added);
  return added;
};

const brokers = [await addBroker('mayfly', dist)];
if (also !== undefined) brokers.push(await addBroker('also', also));
const peer = await addPeer();
const floor = await addFloor();

for (const contender of contenders) await warmUp(contender);
for (let round = 0; round < ROUNDS; round++) {
  for (let turn = 0; turn < contenders.length; turn++) {
    await measureOnce(contenders[(turn + round) % contenders.length]!);
  }
}
for (const { loads, url } of brokers) await checkLeases(url, loads);
report();
for (const server of servers) await server.stop();

async function addBroker(label: string, from: string): Promise<{ url: string; loads: Contender[] }> {
  const place = await brokerPlace(folder, label);
  const { url } = place;
  const server = await start(startBroker(place, from));
  await openTasks(url);
  const request = (token: string): Buffer =>
    formRequest(url, '/token', {
      grant_type: TOKEN_EXCHANGE,
      subject_token: token,
      subject_token_type: TOKEN_TYPE.jwt,
      task_id: anyOf(tasks),
      audience: TOOL.name,
      scope: 'read',
    });
  const verify = (bodies: readonly Buffer[]): Promise<void> => verifyCredentials(url, bodies);
  const known = agents.map(tokenFor);
  const loads = [
    add({
      name: `${label}: every workload token new`,
      server,
      prepare: (count) => each(Array.from({ length: count }, () => request(tokenFor(anyOf(agents))))),
      verify,
    }),
    add({
      name: `${label}: ${AGENTS} agents use their tokens again`,
      server,
      prepare: () => again(Array.from({ length: DISTINCT_REUSED }, () => request(anyOf(known)))),
      verify,
    }),
  ];
  return { url, loads };
}

async function start(starting: Promise<Server>): Promise<Server> {
  const server = await starting;
  servers.push(server);
  return server;
}

async function openTasks(url: string): Promise<void> {
  const planner = tokenFor('planner');
  const connection = await Connection.open(url);
  for (const id of tasks) {
    const body = {
      id,
      purpose: 'to be measured',
      agents: [`${TRUST_NAME}/agent-*`],
      tools: [{ tool: TOOL.name, actions: TOOL.actions }],
      ttl: '1h',
    };
    const { status } = await connection.exchange(jsonRequest(url, '/v1/tasks', body, planner));
    if (status !== 201) throw new Error(`opening ${id} was answered ${status}`);
  }
  connection.close();
}

async function addPeer(): Promise<Contender> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [
    new URL('parts/peer.mjs', import.meta.url).pathname,
    url,
    TOOL.audience,
    JSON.stringify(agents),
    JSON.stringify(publicJwks),
  ];
  const server = await start(startServer({ name: 'peer', folder, url, ready: '/jwks' }, args));
  const request = (agent: string): Buffer =>
    formRequest(url, '/token', {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: workloadToken(agent, agent, url),
      scope: 'read',
    });
  return add({
    name: 'oidc-provider: client_credentials, private_key_jwt',
    server,
    prepare: (count) => each(Array.from({ length: count }, () => request(anyOf(agents)))),
    verify: (bodies) => verifyCredentials(url, bodies),
  });
}

async function addFloor(): Promise<Contender> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [new URL('parts/floor.mjs', import.meta.url).pathname, new URL(url).port];
  const server = await start(startServer({ name: 'floor', folder, url, ready: '/' }, args));
  const bare = formRequest(url, '/', { token: 'x'.repeat(500) });
  return add({ name: 'the load generator on a bare node:http', server, prepare: () => again([bare]) });
}

function each(requests: readonly Buffer[]): () => Buffer | undefined {
  let sent = 0;
  return () => requests[sent++];
}

function again(requests: readonly Buffer[]): () => Buffer {
  let sent = 0;
  return () => requests[sent++ % requests.length]!;
}

async function warmUp(contender: Contender): Promise<void> {
  const { server, prepare } = contender;
  const next = prepare(WARM_UP);
  let left = WARM_UP;
  const { requests, perSecond } = await measure({
    url: server.url,
    connections: CONNECTIONS,
    seconds: 60,
    next: () => (left-- > 0 ? next() : undefined),
  });
  contender.answered += requests;
  contender.expectedPerSecond = perSecond * FASTER_ONCE_WARM;
}

async function measureOnce(contender: Contender): Promise<void> {
  const { server, prepare, verify, loaded, alone, cpuMicros } = contender;
  const { url } = server;
  // A load that runs dry ends early, and is measured until then.
  const next = prepare(Math.ceil(contender.expectedPerSecond * seconds));
  const usedBefore = server.cpuSeconds();
  const measured = await measure({ url, connections: CONNECTIONS, seconds, next });
  cpuMicros.push(((server.cpuSeconds() - usedBefore) / measured.requests) * 1e6);
  const single = await measure({
    url,
    connections: 1,
    seconds: seconds / 5,
    next: prepare(ALONE_PER_SECOND * seconds),
  });
  contender.expectedPerSecond = Math.max(contender.expectedPerSecond / 2, measured.perSecond * 1.5);
  loaded.push(measured);
  alone.push(single);
  contender.answered += measured.requests + single.requests;
  await verify?.(measured.sample.slice(0, VERIFIED_PER_ROUND));
}

async function verifyCredentials(url: string, bodies: readonly Buffer[]): Promise<void> {
  const keys = createLocalJWKSet((await (await fetch(`${url}/jwks`)).json()) as JSONWebKeySet);
  if (bodies.length === 0) throw new Error(`${url} handed out nothing to verify`);
  for (const body of bodies) {
    const { access_token: token } = JSON.parse(body.toString('utf8')) as { access_token: string };
    await jwtVerify(token, keys, { ...EXPECTED, issuer: url });
    if (decodeProtectedHeader(token).alg !== ALGORITHM) throw new Error(`${url} signed by another algorithm`);
  }
}

/** Every answer that was counted must be a lease in the store, and nothing else may be. */
async function checkLeases(url: string, loads: readonly Contender[]): Promise<void> {
  const planner = tokenFor('planner');
  const connection = await Connection.open(url);
  let leases = 0;
  for (const id of tasks) {
    const { body } = await connection.exchange(getRequest(url, `/v1/tasks/${id}`, planner));
    const task = JSON.parse(body.toString('utf8')) as { leases: Record<string, number> };
    leases += Object.values(task.leases).reduce((sum, count) => sum + count, 0);
  }
  connection.close();
  const answered = loads.reduce((sum, load) => sum + load.answered, 0);
  if (leases !== answered)
    throw new Error(`${answered} credentials were handed out, ${leases} leases recorded`);
  console.log(`checked: ${leases} credentials handed out, each of them a lease in the store`);
}

function report(): void {
  console.log(`${machine()}; one page on disk takes ${fsyncMs(folder).toFixed(2)} ms`);
  console.log(
    `${ALGORITHM} in and out; medians of ${ROUNDS} interleaved rounds of ${seconds} s with ${CONNECTIONS} connections, ${seconds / 5} s with one\n`,
  );
  printTable(
    ['', 'req/s', 'peer ×', 'p50 ms', 'p99 ms', 'CPU µs', 'CPU ×', 'alone: p50 ms', 'p99 ms'],
    contenders.map((contender) => [
      contender.name,
      median(contender.loaded.map(({ perSecond }) => perSecond)).toFixed(0),
      contender === floor ? '' : ratioToPeer(contender).toFixed(2),
      ...spread(contender.loaded),
      median(contender.cpuMicros).toFixed(0),
      contender === floor ? '' : cpuRatioToPeer(contender).toFixed(2),
      ...spread(contender.alone),
    ]),
  );
  const [fresh, reused] = brokers[0]!.loads.map((load) => ratioToPeer(load).toFixed(1));
  console.log(
    `goal: ${GOAL} times the peer; ${fresh} times with tokens never seen, ${reused} times with tokens used again`,
  );
}

function spread(measured: readonly Measured[]): string[] {
  return [
    median(measured.map(({ p50Ms }) => p50Ms)).toFixed(2),
    median(measured.map(({ p99Ms }) => p99Ms)).toFixed(2),
  ];
}

/** Round by round, since the machine has good and bad moments. */
function ratioToPeer({ loaded }: Contender): number {
  return median(loaded.map(({ perSecond }, round) => perSecond / peer.loaded[round]!.perSecond));
}

function cpuRatioToPeer({ cpuMicros }: Contender): number {
  return median(cpuMicros.map((micros, round) => peer.cpuMicros[round]! / micros));
}
