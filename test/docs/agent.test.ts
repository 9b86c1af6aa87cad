// The examples of docs/agent.md and docs/orchestrator.md run, each page as one program against a broker.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { transformSync } from '@swc/core';
import * as agentSdk from '../../src/sdk/agent/index.js';
import * as orchestratorSdk from '../../src/sdk/orchestrator/index.js';
import { RunningTask } from '../../src/sdk/orchestrator/running-task.js';
import type { TaskView } from '../../src/wire/tasks.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { answering, type InPlaceOfBroker, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';

let broker: TestBroker;
let crm: InPlaceOfBroker;
const logged: unknown[][] = [];
beforeAll(async () => {
  crm = await inPlaceOfBroker(answering(200, { name: 'Ada' }));
  broker = await TestBroker.start({
    terms: { tools: { crm: { ...CRM, audience: crm.url }, search: SEARCH } },
  });
});
beforeEach(() => {
  logged.splice(0);
});
afterAll(async () => {
  crm.close();
  await broker.stop();
});

const pageOf = (name: string): string => readFileSync(`docs/${name}.md`, 'utf8');

/** Runs what stands on the page as somebody of this name, and gives what the page's names hold in the end. */
async function run(
  page: string,
  as: string,
  given: Readonly<Record<string, unknown>>,
  results: readonly string[],
): Promise<Record<string, unknown>> {
  const tokenFile = join(broker.folder, `${as}.token`);
  writeFileSync(tokenFile, broker.workloads.token(as));
  const blocks = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = '']) => code);
  expect(blocks.length).toBeGreaterThanOrEqual(5);
  const program = blocks
    .join('\n')
    .replaceAll(/^import .* from 'mayfly\/\w+';$/gm, '')
    .replaceAll('https://crm.example', crm.url)
    .replaceAll('/var/run/secrets/mayfly/token', tokenFile);
  const names = {
    process: { env: { MAYFLY_URL: broker.url } },
    console: { log: (...args: unknown[]) => logged.push(args) },
    ...given,
  };
  const wrapped = `async function run({ ${Object.keys(names).join(', ')} }) { ${program}\nreturn { ${results.join(', ')} }; }`;
  const { code } = transformSync(wrapped, {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    isModule: false,
  });
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const made = new Function(`${code}\nreturn run;`)() as (names: object) => Promise<Record<string, unknown>>;
  return made(names);
}

test('the examples for agents do what is said of them', async () => {
  await broker.openTask({ id: 'run-42', tools: [{ tool: 'crm', actions: ['read'] }] });
  const told = await run(pageOf('agent'), 'agent-7', agentSdk, ['proven', 'secret', 'seconds', 'left']);
  expect(logged).toEqual([[{ name: 'Ada' }], [true], ['ERR_USAGE'], ['ERR_REFUSED', 'invalid_scope']]);
  expect((told['proven'] as Response).status).toBe(200);
  expect(crm.seen.at(-1)!.headers).toMatchObject({
    authorization: expect.stringMatching(/^DPoP /),
    dpop: expect.any(String),
  });
  expect(told).toMatchObject({ secret: expect.any(String), left: [] });
  expect(told['seconds']).toBeGreaterThan(200);
  const { body } = await broker.get<TaskView>('/v1/tasks/run-42', 'planner');
  expect(body.leases).toMatchObject({ active: 0, revoked: 3 });
});

test('the examples for orchestrators do what is said of them', async () => {
  const written: string[] = [];
  const given = {
    ...orchestratorSdk,
    writeLetter: async (task: string) => {
      written.push((await broker.credential('agent-7', { task_id: task, audience: 'crm' })).access_token);
      return 'Dear Ada';
    },
    slowLetter: (_task: string, { signal }: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      ),
    brokenFetch: (url: string, init: RequestInit) =>
      url.endsWith('/complete') ? Promise.reject(new TypeError('away')) : fetch(url, init),
  };
  expect(await run(pageOf('orchestrator'), 'planner', given, ['letter'])).toEqual({ letter: 'Dear Ada' });
  expect(logged).toEqual([['TimeoutError'], ['ERR_KILL_UNCONFIRMED', expect.stringMatching(/^20\d\d-.*Z$/)]]);
  expect(written).toHaveLength(4);
  for (const credential of written) expect(await broker.introspect(credential)).toEqual({ active: false });
});

test('the page names all that a task can do', () => {
  const members = Object.getOwnPropertyNames(RunningTask.prototype).filter((name) => name !== 'constructor');
  const page = pageOf('orchestrator');
  expect(members.filter((name) => !page.includes(`task.${name}`))).toEqual([]);
});
