// What the tests of `mayfly exec` stand on: a real broker, a task for each test, and commands that are ended with it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { LeaseView } from '../../src/wire/leases.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { type Ended, type Going, start } from './command.js';

/** For the files of one test file's tests. */
export const folder = mkdtempSync(join(tmpdir(), 'mayfly-exec-test-'));
export let broker: BrokerProcess;
/** One of its own for each test: the leases in it are those of the test. */
export let task = '';
let tasks = 0;
const started: Going[] = [];

/** One tool that gives bound credentials alone. */
const LEDGER = { ...CRM, audience: 'https://ledger.example', require_dpop: true };

beforeAll(async () => {
  const tools = { crm: CRM, search: SEARCH, ledger: LEDGER };
  broker = await BrokerProcess.prepare({ dpop: { nonces: 'required' }, tools });
  await broker.start();
});
afterAll(async () => {
  await broker.remove();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  task = `exec-${++tasks}`;
  expect((await broker.openTask({ id: task })).status).toBe(201);
});
afterEach(() => {
  for (const { child } of started.splice(0)) {
    // Alive or not: what it has started may be.
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }
});

type Variables = Readonly<Record<string, string>>;

/** The variables by which a command is the agent of the tests. */
export const asAgent = (): Variables => ({
  MAYFLY_URL: broker.url,
  MAYFLY_TOKEN: broker.workloads.token('agent-1'),
});

/** Ended after the test, with all that it has started. */
export function watched(going: Going): Going {
  started.push(going);
  return going;
}

export function exec(
  options: readonly string[],
  command: readonly string[],
  variables: Variables = {},
): Going {
  const tool = options.includes('--tool') ? [] : ['--tool', 'crm'];
  const args = ['exec', '--task', task, ...tool, ...options, '--', ...command];
  return watched(start(args, { ...asAgent(), ...variables }));
}

export async function ran(
  options: readonly string[],
  command: readonly string[],
  variables?: Variables,
): Promise<Ended> {
  const going = exec(options, command, variables);
  going.child.stdin?.end();
  return going.ended;
}

export const shell = (script: string): string[] => ['sh', '-c', script];

/** Says that it is ready, and goes on until a signal that it has a trap for. */
export const waiting = (traps: string): string[] =>
  shell(`${traps}; echo ready; while :; do sleep 0.05; done`);

export const leases = async (): Promise<LeaseView[]> =>
  (await broker.get<{ leases: LeaseView[] }>(`/v1/leases?task=${task}`, 'agent-1')).body.leases;
export const states = async (): Promise<string[]> => (await leases()).map(({ state }) => state);
export const causes = async (): Promise<unknown[]> => (await leases()).map(({ ended }) => ended?.cause);

export const isAlive = async (credential: string): Promise<boolean> =>
  (await broker.introspect(credential)).active;

export function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
