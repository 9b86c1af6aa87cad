// A program that ends takes its tasks with it, and ends as it would have without them.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../../examples/demo/port.js';
import type { TaskView } from '../../../src/wire/tasks.js';
import { TestBroker } from '../../fixtures/broker.js';
import { answering, inPlaceOfBroker } from '../../fixtures/in-place-of-broker.js';
import { tied } from '../../fixtures/tied.js';
import { until } from '../../fixtures/until.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

const SDK = pathToFileURL(resolve('dist/sdk/orchestrator/index.js')).href;

interface Program {
  readonly child: ChildProcess;
  said(): string;
  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals | null>;
}

/** A program that opens a task of this name, and then does what the test says. */
function program(id: string, work: string, { url = broker.url, before = '' } = {}): Program {
  const file = join(broker.folder, `${id}.mjs`);
  writeFileSync(
    file,
    `import { withTask } from '${SDK}';
     const { BROKER, TOKEN } = process.env;
     const options = { broker: BROKER, token: { env: 'TOKEN' }, purpose: 'a test', agents: ['cluster/agent-*'],
       tools: [{ tool: 'crm', actions: ['read'] }], ttl: '10m' };
     const forever = () => new Promise((resolve) => setInterval(() => {}, 1000));
     const running = () => console.log('running');
     ${before}
     ${work}`,
  );
  const env = { PATH: process.env['PATH'], BROKER: url, TOKEN: broker.workloads.token('planner') };
  const child = spawn(...tied(process.execPath, [file]), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += String(text)));
  const ended = new Promise<number | NodeJS.Signals | null>((done) =>
    child.on('close', (code, signal) => done(signal ?? code)),
  );
  return { child, said: () => said, ended: () => ended };
}

const read = async (id: string): Promise<TaskView> =>
  (await broker.get<TaskView>(`/v1/tasks/${id}`, 'planner')).body;
const outcome = async (id: string): Promise<string | undefined> => (await read(id)).outcome;
const isRunning = ({ said }: Program): Promise<unknown> =>
  until('it works', () => said().includes('running'));

const WORKING = (id: string): string =>
  `await withTask({ ...options, id: '${id}' }, () => { running(); return forever(); });`;

describe('a program that gets', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s cancels its tasks, several at a time, and is ended by it',
    async (signal) => {
      const id = `got-${signal}`;
      const other = `${id}-too`;
      const both = `void withTask({ ...options, id: '${other}' }, forever);\n${WORKING(id)}`;
      const running = program(id, both);
      await isRunning(running);
      await until('both are open', async () => (await read(other)).state === 'open');
      running.child.kill(signal);
      expect(await running.ended()).toBe(signal);
      expect([await outcome(id), await outcome(other)]).toEqual(['cancelled', 'cancelled']);
    },
  );

  test('a signal that it has a listener for ends as it likes, and its tasks go on until then', async () => {
    const id = 'drains';
    const running = program(
      id,
      `let drained;
       process.on('SIGTERM', () => drained());
       await withTask({ ...options, id: '${id}' }, () => { running(); return new Promise((done) => {
         const wait = setInterval(() => {}, 1000); drained = () => { clearInterval(wait); done(); }; }); });
       console.log('in peace');`,
    );
    await isRunning(running);
    running.child.kill('SIGTERM');
    expect([await running.ended(), await outcome(id)]).toEqual([0, 'completed']);
    expect(running.said()).toContain('in peace');
  });

  test('a signal is ended by it also where others leave that to us, as signal-exit does', async () => {
    const id = 'signal-exit';
    // As its version 4 listens: alone it sends the signal again, beside others it does nothing.
    const before = `const emitter = { count: 1 }; process[Symbol.for('signal-exit emitter')] = emitter;
      const listener = () => { if (process.listeners('SIGTERM').length === emitter.count) {
        process.off('SIGTERM', listener); console.log('last'); process.kill(process.pid, 'SIGTERM'); } };
      process.on('SIGTERM', listener);`;
    const running = program(id, WORKING(id), { before });
    await isRunning(running);
    running.child.kill('SIGTERM');
    expect([await running.ended(), await outcome(id)]).toEqual(['SIGTERM', 'cancelled']);
    expect(running.said()).toContain('last');
  });
});

test('a program that has this library twice is ended all the same, with the tasks of both', async () => {
  const copied = join(broker.folder, 'copied');
  cpSync('dist/sdk', copied, { recursive: true });
  writeFileSync(join(copied, 'package.json'), '{ "type": "module" }');
  const running = program(
    'copy-1',
    `const copy = await import('${pathToFileURL(join(copied, 'orchestrator/index.js')).href}');
     void copy.withTask({ ...options, id: 'copy-2' }, forever);
     ${WORKING('copy-1')}`,
  );
  await isRunning(running);
  await until('both are open', async () => (await read('copy-2')).state === 'open');
  running.child.kill('SIGTERM');
  expect(await running.ended()).toBe('SIGTERM');
  expect([await outcome('copy-1'), await outcome('copy-2')]).toEqual(['cancelled', 'cancelled']);
});

test('a program that opens one task after the other, whatever becomes of them, ends with the first signal', async () => {
  const running = program(
    'busy',
    `for (let told = false; ; told = true) {
       await withTask(options, () => {}).catch(() => {});
       if (!told) running();
     }`,
    // Where nothing listens, each opening fails at once, and the next one begins.
    { url: `http://127.0.0.1:${await freePort()}` },
  );
  await isRunning(running);
  running.child.kill('SIGTERM');
  expect(await running.ended()).toBe('SIGTERM');
});

describe('one stroke of Ctrl-C', () => {
  test('that comes twice, as under node --watch, leaves the time to cancel the tasks', async () => {
    const id = 'twice';
    const running = program(
      id,
      `const press = () => process.kill(process.pid, 'SIGINT');
       await withTask({ ...options, id: '${id}' }, () => { press(); setTimeout(press, 5); return forever(); });`,
      {
        before: `const slow = (url, init) => new Promise((done) => setTimeout(done, 50)).then(() => fetch(url, init));
          options.fetch = slow;`,
      },
    );
    expect([await running.ended(), await outcome(id)]).toEqual(['SIGINT', 'cancelled']);
  });

  test('while a task is being opened leaves none open', async () => {
    let id = '';
    const late = await inPlaceOfBroker((response, asked) => {
      // Opened, and nobody hears of it.
      if (asked.url.endsWith('/tasks')) ({ id } = JSON.parse(asked.body) as { id: string });
      else answering(200, {})(response, asked);
    });
    const running = program('opening', `void withTask(options, forever);`, { url: late.url });
    await until('it is asked for', () => id !== '');
    running.child.kill('SIGINT');
    expect(await running.ended()).toBe('SIGINT');
    expect(late.seen.at(-1)).toMatchObject({ url: `/v1/tasks/${id}/complete` });
    late.close();
  });
});

describe('a broker that does not answer', () => {
  test('holds a program up for two seconds, and no longer when it is told twice', async () => {
    const view = { id: 'x', opened_at: '2030-01-01T00:00:00Z', deadline: '2040-01-01T00:00:00Z' };
    const silent = await inPlaceOfBroker((response, asked) => {
      if (asked.url.endsWith('/tasks')) answering(201, view)(response, asked);
    });
    const [patient, hasty] = ['patient', 'hasty'].map((id) => program(id, WORKING(id), { url: silent.url }));
    await Promise.all([isRunning(patient!), isRunning(hasty!)]);
    patient!.child.kill('SIGTERM');
    hasty!.child.kill('SIGINT');
    await until('both try', () => silent.seen.filter(({ url }) => url.endsWith('/complete')).length === 2);
    const began = performance.now();
    const isEnded = (): boolean => hasty!.child.signalCode !== null || !hasty!.child.kill('SIGINT');
    void until('it is told for long enough', isEnded);
    expect(await Promise.race([patient!.ended(), hasty!.ended()])).toBe('SIGINT');
    expect(await patient!.ended()).toBe('SIGTERM');
    expect(performance.now() - began).toBeLessThan(5000);
    silent.close();
  });
});

test('a program that crashes fails its tasks first, and crashes with the same error', async () => {
  const id = 'crashed';
  const crash = `setImmediate(() => { throw new RangeError('beside the work'); })`;
  const running = program(
    id,
    `await withTask({ ...options, id: '${id}' }, () => { ${crash}; return forever(); });`,
  );
  expect([await running.ended(), await outcome(id)]).toEqual([1, 'failed']);
  expect(running.said()).toMatch(/^RangeError: beside the work\n +at .*crashed\.mjs/m);
});

test('a crash that the program sees to itself is left to it', async () => {
  const id = 'seen-to';
  const crash = `setImmediate(() => { throw new RangeError('beside the work'); })`;
  const running = program(
    id,
    `const seen = new Promise((done) => process.on('uncaughtException', done));
     await withTask({ ...options, id: '${id}' }, () => { ${crash}; return seen; });`,
  );
  expect([await running.ended(), await outcome(id)]).toEqual([0, 'completed']);
});

test('a promise that nobody sees to is a crash as well', async () => {
  const id = 'unhandled';
  const running = program(
    id,
    `void withTask({ ...options, id: '${id}' }, () => { Promise.reject(new RangeError('unseen')); return forever(); });`,
  );
  expect([await running.ended(), await outcome(id)]).toEqual([1, 'failed']);
  expect(running.said()).toContain('RangeError: unseen');
});

test('a program that has nothing left to do has failed the work that still waits, without a word', async () => {
  const running = program(
    'idle',
    `const { signal } = new AbortController();
     for (let n = 0; n < 12; n++)
       void withTask({ ...options, id: 'idle-' + n, signal }, () => new Promise(() => {}));`,
  );
  expect(await running.ended()).toBe(0);
  expect([await outcome('idle-0'), await outcome('idle-11')]).toEqual(['failed', 'failed']);
  // Nor of a leak, of which Node warns at the eleventh listener.
  expect(running.said()).toBe('');
});
