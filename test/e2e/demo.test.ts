// The demo tells what it promises, by the parts that people get, and leaves nothing behind, however it ends.
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { hasPostgres } from '../fixtures/postgres.js';
import { until } from '../fixtures/until.js';

const PATIENCE_MS = 40_000;
jest.setTimeout(2 * PATIENCE_MS);

const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-demo-test-'));
const started: ChildProcess[] = [];

/** A demo that a failed test left running is told to stop, as any is: it stops its broker too. */
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Demo {
  readonly child: ChildProcess;
  readonly told: () => string;
  readonly complained: () => string;
  readonly ended: Promise<number | null>;
  /** Resolves once it has said this. */
  said(text: string): Promise<void>;
}

function startDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/demo/demo.ts', ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const givingUp = (): string | undefined =>
    child.exitCode === null ? undefined : `it ended:\n${out}${err}`;
  const said = async (text: string): Promise<void> => {
    await until(`the demo says ${text}`, () => out.includes(text), { withinMs: PATIENCE_MS, givingUp });
  };
  return { child, told: () => out, complained: () => err, ended, said };
}

const leftFiles = (): string[] => readdirSync(folder).filter((name) => name.startsWith('mayfly-demo-'));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const OF_THE_DATABASE = [
  /Four parts on this machine/,
  /agent-7 gets a login to the database .*\n {5}✓ the database answers an engine, cards, .*\n +mayfly_lease_\w{28}\n/,
  /query that agent-7 still had .*\n {5}✓ ended by the server \d+\.\d ms after .*terminating.*\n +and at the door: .*authentication failed/,
  /orders \(postgres\) +\d\d:\d\d:\d\d\.\d+ +\d\d:\d\d:/,
];

const brokerOf = (told: string): number => Number(/mayfly serve, process (\d+)/.exec(told)?.[1]);

test('the story comes out as told, step by step, and nothing is left behind', async () => {
  const demo = startDemo();
  const exitCode = await demo.ended;
  const told = demo.told();
  // First, as it says what went wrong.
  expect(told).not.toMatch(/not as told|WARNING|Error|^ +at /m);
  expect(demo.complained()).toBe('');
  expect(exitCode).toBe(0);

  for (const line of [
    /1 {2}planner opens the task run-42.*\d\.\d ms\n {5}✓ open until/,
    /agent-7 exchanges its workload token .*\n {5}✓ scope read, at most \d+ s, recorded as\n +lease_\w{28}\n/,
    /agent-7 reads customer 42 .*\n {5}✓ the CRM answers: \{"id":"42"/,
    /tries to write a note .*\n {5}✓ refused by the CRM: 403 insufficient_scope/,
    /tries to read customer 43 .*\n {5}✓ refused by the CRM: 403 insufficient_scope/,
    /the credential to write after all .*\n {5}✓ refused by the broker: 400 invalid_scope/,
    /a tool that its task does not have .*\n {5}✓ refused by the broker: 400 invalid_target/,
    /something in run-43, .*\n {5}✓ refused by the broker: 400 invalid_target\n.*\n +word for word/,
    /planner completes run-42 .*\n {5}✓ (?:1 credential|2 credentials) ended, 0 alive/,
    /that it still holds .*\n {5}✓ refused by the CRM: 401 invalid_token\n.*\n +\d+\.\d ms after the completion/,
    /asks for a new one .*\n {5}✓ refused by the broker: 400 invalid_target\n +The task is closed\./,
    /cluster\/agent-7 +token\.exchange +refused +tool_not_in_manifest\n/,
    /cluster\/agent-7 +tool\.call +permitted +read customers\/42\n/,
    /cluster\/agent-7 +tool\.call +refused +read customers\/42: revoked\n/,
    /✓ revoked at .*, by the end of the task run-42: "the summary was sent"/,
    /keeps the receipt of run-42.*\n {5}✓ completed, by cluster\/planner;.*\n +crm \(jwt\) +\d\d:\d\d:\d\d\.\d+ +\d\d:\d\d:/,
    ...(hasPostgres ? OF_THE_DATABASE : [/PostgreSQL is not on this machine/]),
  ])
    expect(told).toMatch(line);

  expect(isAlive(brokerOf(told))).toBe(false);
  expect(leftFiles()).toEqual([]);
});

describe('with --keep', () => {
  test('the commands that it gives work as they are, and Ctrl-C stops everything', async () => {
    const demo = startDemo('--keep', '--no-database');
    await demo.said('# what happened\n');
    await demo.said('operator)"\n');
    const commands = demo.told().split('paste this into another terminal:')[1]!;

    const pasted = spawnSync('bash', ['-c', commands], { encoding: 'utf8' });
    expect(pasted.stderr).toBe('');
    const [opened, read, completed, refused, events] = pasted.stdout.trim().split('\n');
    expect(opened).toContain('"state":"open"');
    expect(read).toContain('"name":"Grace Hopper"');
    expect(completed).toContain('"outcome":"completed"');
    expect(refused).toContain('"error":"invalid_token"');
    expect(events).toContain('"action":"task.complete"');

    const broker = brokerOf(demo.told());
    expect(isAlive(broker)).toBe(true);
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(0);
    expect(isAlive(broker)).toBe(false);
    expect(leftFiles()).toEqual([]);
  });
});

test('interrupted in the middle, it says so by its exit code, and leaves nothing behind', async () => {
  const demo = startDemo();
  await demo.said('parts on this machine');
  demo.child.kill('SIGTERM');
  expect(await demo.ended).not.toBe(0);
  expect(isAlive(brokerOf(demo.told()))).toBe(false);
  expect(leftFiles()).toEqual([]);
});
