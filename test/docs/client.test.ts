// The examples of docs/client.md run, one after the other, as one program against a broker.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ACCESS } from '../../src/http/access.js';
import {
  DpopKey,
  dpopFetch,
  MayflyClient,
  MayflyError,
  type MayflyErrorCode,
  type TokenResponse,
} from '../../src/sdk/client/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { answering, type InPlaceOfBroker, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';

const page = readFileSync('docs/client.md', 'utf8');
let broker: TestBroker;
let crm: InPlaceOfBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
  crm = await inPlaceOfBroker(answering(200, { name: 'Ada' }));
});
afterAll(async () => {
  crm.close();
  await broker.stop();
});

test('the examples do what is said of them', async () => {
  const blocks = [...page.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code = '']) => code);
  expect(blocks.length).toBeGreaterThanOrEqual(5);
  const program = blocks.join('\n').replaceAll(/^import .* from 'mayfly\/client';$/gm, '');
  const tokenFile = join(broker.folder, 'agent.token');
  writeFileSync(tokenFile, broker.workloads.token('agent-7'));
  process.env['AGENT_TOKEN'] = broker.workloads.token('agent-7');
  const logged: unknown[][] = [];
  const given = {
    MayflyClient,
    MayflyError,
    DpopKey,
    dpopFetch,
    crmUrl: crm.url,
    tokenFile,
    tokenOf: (sub: string) => broker.workloads.token(sub),
    process: { env: { MAYFLY_URL: broker.url } },
    console: { log: (...args: unknown[]) => logged.push(args) },
  };
  const results =
    '{ active, after, credential, dead, tools, held, dpop, customer, clients: [byFile, byVariable, byFunction, byValue] }';
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function(
    ...Object.keys(given),
    `return (async () => {${program}\nreturn ${results}})()`,
  ) as (
    ...args: unknown[]
  ) => Promise<Record<string, unknown> & { clients: MayflyClient[]; held: TokenResponse; dpop: DpopKey }>;
  const told = await run(...Object.values(given));
  const { active, after, credential, dead, tools, clients, held, dpop, customer } = told;
  expect([active, after]).toEqual([true, { active: false }]);
  expect(dead).toEqual([(credential as { lease_id: string }).lease_id]);
  expect(tools).toHaveLength(2);
  expect(logged).toEqual([['ERR_REFUSED', 400, 'invalid_target', expect.stringMatching(/^req_/)]]);
  for (const client of clients) await client.listTools();
  expect([held.token_type, (customer as Response).status]).toEqual(['DPoP', 200]);
  expect(await clients[0]!.readLease(held.lease_id)).toMatchObject({ cnf: { jkt: dpop.thumbprint } });
});

test('the page names every method and every code', () => {
  const methods = Object.getOwnPropertyNames(MayflyClient.prototype).filter(
    (name) => name !== 'constructor' && name !== 'url',
  );
  expect(methods.filter((name) => !page.includes(`\`${name}(`))).toEqual([]);
  // The stream goes on and on: mayfly/verifier reads it.
  const routes = Object.keys(ACCESS).filter((route) => route !== 'streamRevocations');
  expect(methods).toEqual(expect.arrayContaining(routes));
  const codes: Readonly<Record<MayflyErrorCode, true>> = {
    ERR_USAGE: true,
    ERR_TOKEN_SOURCE: true,
    ERR_UNREACHABLE: true,
    ERR_TIMEOUT: true,
    ERR_NOT_A_BROKER: true,
    ERR_UNAUTHENTICATED: true,
    ERR_FORBIDDEN: true,
    ERR_NOT_FOUND: true,
    ERR_CONFLICT: true,
    ERR_LIMITED: true,
    ERR_UNAVAILABLE: true,
    ERR_FAULT: true,
    ERR_REFUSED: true,
    ERR_TASK_OVER: true,
    ERR_KILL_UNCONFIRMED: true,
  };
  expect(Object.keys(codes).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
