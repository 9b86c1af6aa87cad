// Credentials checked by the verifier, at first sight and known, beside jose's jwtVerify and beside a signature check alone.
import { createPublicKey, type JsonWebKey, verify as verifyBare } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { importJWK, jwtVerify } from 'jose';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Sdk from '../src/sdk/verifier/index.js';
import { buildBroker } from './parts/broker.js';
import { ratio } from './parts/contender.js';
import { startFeed } from './parts/feed.js';
import { machine } from './parts/machine.js';
import { readOptions } from './parts/options.js';
import { median } from './parts/statistics.js';
import { printTable } from './parts/table.js';

const GOAL_KNOWN_PER_SECOND = 300_000;
const GOAL_FIRST_SIGHT = 1.1;
const TOKENS = 1000;
/** Between two looks at the clock. */
const AT_ONCE = 200;
const WARM_UP_SHARE = 0.3;

const { seconds, rounds } = readOptions(['rounds'], { seconds: 3 });
// As it is shipped: what runs TypeScript as it stands adds to every closure.
const module = pathToFileURL(path.join(buildBroker(), 'sdk', 'verifier', 'index.js')).href;
const sdk = (await import(module)) as typeof Sdk;
const feed = await startFeed(TOKENS);
const { tokens, url, audience } = feed;
const want = { tool: 'crm', action: 'read' };

const verifierWith = async (options: object): Promise<Sdk.Verifier> => {
  const tools = { crm: { audience, plane: 'data' as const } };
  const verifier = new sdk.Verifier({ broker: url, token: 'a.b.c', tools, reportCalls: false, ...options });
  await verifier.ready();
  return verifier;
};
// So few places that each credential has been forgotten when its turn comes again.
const forgetful = await verifierWith({ mostRemembered: TOKENS / 2 });
const knowing = await verifierWith({});
const reporting = await verifierWith({ reportCalls: true });

const key = createPublicKey({ key: feed.jwk as JsonWebKey, format: 'jwk' });
const joseKey = await importJWK(feed.jwk, 'ES256');
const parts = tokens.map((token) => {
  const end = token.lastIndexOf('.');
  return {
    input: Buffer.from(token.slice(0, end)),
    signature: Buffer.from(token.slice(end + 1), 'base64url'),
  };
});
const bareKey = { key, dsaEncoding: 'ieee-p1363' } as const;

interface Checker {
  readonly name: string;
  readonly check: (at: number) => unknown;
  readonly perSecond: number[];
  readonly cpuMicros: number[];
}
const checker = (name: string, check: (at: number) => unknown): Checker => ({
  name,
  check,
  perSecond: [],
  cpuMicros: [],
});
const bare = checker('node:crypto, the signature alone', (at) => {
  if (!verifyBare('sha256', parts[at]!.input, bareKey, parts[at]!.signature)) throw new Error('not good');
});
const jose = checker('jose, jwtVerify', (at) =>
  jwtVerify(tokens[at]!, joseKey, { issuer: url, audience, typ: 'at+jwt', algorithms: ['ES256'] }),
);
const first = checker('verifier, first sight', (at) => forgetful.verify(tokens[at], want));
const known = checker('verifier, known', (at) => knowing.verify(tokens[at], want));
const reported = checker('verifier, known, each call reported', (at) => reporting.verify(tokens[at], want));
const checkers = [bare, jose, first, known, reported];

for (const one of checkers) await run(one, seconds * WARM_UP_SHARE);
for (let round = 0; round < rounds; round++) {
  for (let turn = 0; turn < checkers.length; turn++) {
    const one = checkers[(turn + round) % checkers.length]!;
    const { perSecond, cpuMicros } = await run(one, seconds / checkers.length);
    one.perSecond.push(perSecond);
    one.cpuMicros.push(cpuMicros);
  }
}

console.log(`\nCredentials checked one after the other: ${machine()}\n`);
printTable(
  ['', 'per second', 'per second of CPU', 'CPU of each, µs', "CPU to the signature's", "CPU to jose's"],
  checkers.map((one) => [
    one.name,
    median(one.perSecond).toFixed(0),
    (1e6 / median(one.cpuMicros)).toFixed(0),
    median(one.cpuMicros).toFixed(2),
    ratio(one.cpuMicros, bare.cpuMicros).toFixed(2),
    ratio(one.cpuMicros, jose.cpuMicros).toFixed(2),
  ]),
);
// By CPU time: how many a core does is not how much of it others left.
const knownPerCore = 1e6 / median(known.cpuMicros);
say('known: 300,000 a second of one core', knownPerCore >= GOAL_KNOWN_PER_SECOND, knownPerCore.toFixed(0));
const share = ratio(first.cpuMicros, bare.cpuMicros);
say('first sight: within 10 % of the signature alone', share <= GOAL_FIRST_SIGHT, share.toFixed(2));
await Promise.all([forgetful, knowing, reporting].map((verifier) => verifier.close()));
feed.stop();

async function run(
  { check }: Checker,
  lastsSeconds: number,
): Promise<{ perSecond: number; cpuMicros: number }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const until = began + lastsSeconds * 1000;
  let done = 0;
  while (performance.now() < until) {
    for (let n = 0; n < AT_ONCE; n++) await check(done++ % TOKENS);
    // The feed is read meanwhile, as it would be.
    await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (done / (performance.now() - began)) * 1000, cpuMicros: (user + system) / done };
}

function say(goal: string, reached: boolean, measured: string): void {
  console.log(`goal: ${goal}: ${measured}, ${reached ? 'reached' : 'NOT reached'}`);
}
