// docs/receipts.md: its commands and its program, on a receipt that a broker has signed; and what it shows is what there is.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as kit from '../../src/sdk/verifier/index.js';
import { receiptClaims } from '../../src/wire/receipt.js';
import { start } from '../cli/command.js';
import { TestBroker } from '../fixtures/broker.js';

const page = readFileSync('docs/receipts.md', 'utf8');
const block = (kind: string, after = ''): string =>
  new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, 'm').exec(page.slice(page.indexOf(after)))![1]!;

const folder = mkdtempSync(join(tmpdir(), 'mayfly-receipts-'));
let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
  await broker.openTask({ id: 'run-42' });
  await broker.credential('agent-7', { task_id: 'run-42', audience: 'crm', scope: 'read' });
  await broker.post('/v1/tasks/run-42/complete', 'planner', { reason: 'report sent' });
});
afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

const typed = (line: string) =>
  start(
    line.split(' ').slice(1),
    { MAYFLY_URL: broker.url, MAYFLY_TOKEN: broker.workloads.token('auditor') },
    folder,
  ).ended;

test('what it shows is a receipt', () => {
  expect(receiptClaims.safeParse(JSON.parse(block('json'))).error).toBeUndefined();
});

test('its commands show one, keep it and check what was kept; what was altered is not passed off as signed', async () => {
  const shown = await typed(block('sh part=receipt').trim());
  expect([shown.exit, shown.err]).toEqual([0, '']);
  expect(shown.out).toMatch(/^task +run-42$/m);
  expect(shown.out).toMatch(/^reason +"report sent"$/m);
  expect(shown.out).toMatch(/^credentials +1 revoked$/m);
  expect(shown.out).toMatch(
    /lease_\w+ +crm +jwt +pushed +revoked, task +\d{4}-\d\d-\d\d .* +\d{4}-\d\d-\d\d /,
  );

  const [raw, verify] = block('sh part=receipt', '## Checking one').trim().split('\n') as [string, string];
  const [command, file] = raw.split(' > ') as [string, string];
  const { out } = await typed(command);
  writeFileSync(join(folder, file), out);
  expect(await typed(verify)).toMatchObject({ exit: 0, out: expect.stringContaining('run-42'), err: '' });
  writeFileSync(
    join(folder, file),
    out.replace(/\.(.)/, (_, first) => `.${first === 'e' ? 'f' : 'e'}`),
  );
  const altered = await typed(verify);
  expect([altered.exit, altered.out]).toEqual([1, '']);
  expect(altered.err).toMatch(/run-42\.jwt is no receipt that http:\S+ has signed/);
  writeFileSync(join(folder, file), out);
});

test('its program checks one without a broker', async () => {
  writeFileSync(join(folder, 'receipt-keys.json'), (await broker.call('GET', '/jwks/receipts')).text);
  const said: unknown[] = [];
  const code = block('js part=receipt')
    .replaceAll(/^import .*;$/gm, '')
    .replace('https://mayfly.example', broker.url);
  const names = {
    verifyReceipt: kit.verifyReceipt,
    readFileSync: (name: string) => readFileSync(join(folder, name), 'utf8'),
    console: { log: (text: unknown) => said.push(text) },
  };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  new Function(...Object.keys(names), code)(...Object.values(names));
  expect(said).toEqual(['completed']);
});
