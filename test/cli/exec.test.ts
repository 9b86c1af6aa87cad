// `mayfly exec` with real commands against a real broker: what they get, how they end, and that all is given back.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { LeaseView } from '../../src/wire/leases.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { until } from '../fixtures/until.js';
import { type Ended, type Going, start, startProgram } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-exec-test-'));
let broker: BrokerProcess;
let tasks = 0;
let task = '';
const going: Going[] = [];

beforeAll(async () => {
  broker = await BrokerProcess.prepare();
  await broker.start();
});
afterAll(async () => {
  await broker.remove();
  rmSync(folder, { recursive: true, force: true });
});
// One of its own for each test: the leases in it are those of the test.
beforeEach(async () => {
  task = `exec-${++tasks}`;
  expect((await broker.openTask({ id: task })).status).toBe(201);
});
afterEach(() => {
  for (const { child } of going.splice(0)) {
    // Alive or not: what it has started may be.
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      /* nobody is left */
    }
  }
});

type Variables = Readonly<Record<string, string>>;

const asAgent = (): Variables => ({
  MAYFLY_URL: broker.url,
  MAYFLY_TOKEN: broker.workloads.token('agent-1'),
});

function exec(options: readonly string[], command: readonly string[], variables: Variables = {}): Going {
  const tool = options.includes('--tool') ? [] : ['--tool', 'crm'];
  const args = ['exec', '--task', task, ...tool, ...options, '--', ...command];
  const started = start(args, { ...asAgent(), ...variables });
  going.push(started);
  return started;
}

async function ran(
  options: readonly string[],
  command: readonly string[],
  variables?: Variables,
): Promise<Ended> {
  const started = exec(options, command, variables);
  started.child.stdin?.end();
  return started.ended;
}

const shell = (script: string): string[] => ['sh', '-c', script];

const leases = async (): Promise<LeaseView[]> =>
  (await broker.get<{ leases: LeaseView[] }>(`/v1/leases?task=${task}`, 'agent-1')).body.leases;
const states = async (): Promise<string[]> => (await leases()).map(({ state }) => state);
const causes = async (): Promise<unknown[]> => (await leases()).map(({ ended }) => ended?.cause);
/** Of the signals that it does not leave to the system (proc(5), SigCgt). */
function catches(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readOr(`/proc/${pid}/status`, '')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

const isAlive = async (credential: string): Promise<boolean> => (await broker.introspect(credential)).active;

/** Says that it is ready, and goes on until a signal that it has a trap for. */
const waiting = (traps: string): string[] => shell(`${traps}; echo ready; while :; do sleep 0.05; done`);

describe('a command', () => {
  test('gets a credential that lives while it runs, and is dead when it has ended', async () => {
    const command = exec([], shell('echo "<$MAYFLY_CREDENTIAL>"; cat'));
    const [, credential = ''] = await command.written(/<(eyJ[^>]+)>/);
    expect(await isAlive(credential)).toBe(true);
    expect(await states()).toEqual(['active']);
    command.child.stdin?.end('what is typed\n');
    expect(await command.ended).toEqual({ exit: 0, out: `<${credential}>\nwhat is typed\n`, err: '' });
    expect(await isAlive(credential)).toBe(false);
    expect([await states(), await causes()]).toEqual([['revoked'], ['lease']]);
  });

  test('gets no more than was asked for', async () => {
    const asked = ['--scope', 'read', '--resource', 'customers/7', '--ttl', '20s', '--env', 'CRM_TOKEN'];
    const { exit, out } = await ran(asked, shell('echo "$CRM_TOKEN"; echo "[$MAYFLY_CREDENTIAL]"'));
    expect(exit).toBe(0);
    const [credential = '', other] = out.split('\n');
    expect(other).toBe('[]');
    const claims = JSON.parse(Buffer.from(credential.split('.')[1]!, 'base64url').toString()) as {
      exp: number;
      iat: number;
    };
    expect(claims).toMatchObject({
      scope: 'read',
      tool: 'crm',
      task_id: task,
      authorization_details: [{ resources: ['customers/7'] }],
    });
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(20);
  });

  test('is not given the workload token, unless it shall have it', async () => {
    const print = shell('echo "[$MAYFLY_TOKEN]"');
    expect((await ran([], print)).out).toBe('[]\n');
    expect((await ran(['--keep-token'], print)).out).toMatch(/^\[eyJ/);
  });

  test('and its arguments are seen by everybody on the machine: no secret is among them', async () => {
    const { out } = await ran(
      [],
      shell('tr "\\0" " " </proc/self/cmdline; tr "\\0" " " </proc/$PPID/cmdline'),
    );
    expect(out).toContain('exec --task');
    expect(out).not.toContain('eyJ');
  });

  test('takes every option that follows it for its own, also without -- before it', async () => {
    const args = ['exec', '--task', task, '--tool', 'crm', 'printf', '%s|', '--task', '-n', '--', 'x'];
    const command = start(args, asAgent());
    command.child.stdin?.end();
    expect(await command.ended).toMatchObject({ exit: 0, out: '--task|-n|--|x|' });
  });

  test('continues the trace that it is called in', async () => {
    const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect((await ran([], shell('echo "$TRACEPARENT"'), { TRACEPARENT: parent })).out).toBe(`${parent}\n`);
    const [opened, exchanged] = (await broker.audit({ task })).toReversed();
    expect([opened?.action, exchanged?.action]).toEqual(['task.open', 'token.exchange']);
    expect(exchanged?.detail).toMatchObject({ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' });
  });
});

describe('the exit code', () => {
  const notExecutable = join(folder, 'not-executable');
  writeFileSync(notExecutable, 'text', { mode: 0o600 });

  test.each([
    ['is that of the command', shell('exit 7'), 7],
    ['is 128 and 15 where SIGTERM ended it', shell('kill -TERM $$'), 143],
    ['is 128 and 9 where SIGKILL ended it', shell('kill -KILL $$'), 137],
    ['is 127 where there is no such command', ['no-such-command-anywhere'], 127],
    ['is 126 where it cannot be run', [notExecutable], 126],
  ])('%s, and the lease is released all the same', async (_what, command, exit) => {
    expect((await ran([], command)).exit).toBe(exit);
    expect(await causes()).toEqual(['lease']);
  });

  test('is 125 where there is no credential, and the command is not run', async () => {
    const marker = join(folder, 'was-run');
    const refused = await ran(['--scope', 'delete'], ['touch', marker]);
    expect(refused).toMatchObject({ exit: 125, out: '' });
    expect(refused.err).toMatch(/^mayfly: .*req_\w+/s);
    const nobody = await ran([], ['touch', marker], { MAYFLY_URL: 'http://127.0.0.1:1' });
    expect(nobody).toMatchObject({ exit: 125, out: '' });
    expect(() => statSync(marker)).toThrow('ENOENT');
  });

  test('is 2 where the command line is wrong, before anything is asked for', async () => {
    expect((await ran(['--env', 'NOT A NAME'], ['true'])).exit).toBe(2);
    expect((await ran(['--on-end', 'explode'], ['true'])).exit).toBe(2);
    expect(await states()).toEqual([]);
  });
});

describe('a signal', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)(
    '%s reaches the command, whose exit code comes back',
    async (signal) => {
      const command = exec([], waiting(`trap 'echo got it; exit 3' ${signal.slice(3)}`));
      await command.written(/ready/);
      command.child.kill(signal);
      expect(await command.ended).toMatchObject({ exit: 3, out: 'ready\ngot it\n' });
      expect(await causes()).toEqual(['lease']);
    },
  );

  test('that the command ignores does not end us: the credential is given back when the command is done', async () => {
    const done = join(folder, 'done');
    const command = exec(
      [],
      shell(`trap '' TERM; echo ready; until [ -e ${done} ]; do sleep 0.05; done; exit 5`),
    );
    await command.written(/ready/);
    command.child.kill('SIGTERM');
    await until('it has had time to die of it', async () => (await states())[0] === 'active');
    expect(command.child.exitCode).toBeNull();
    writeFileSync(done, '');
    expect((await command.ended).exit).toBe(5);
    expect(await causes()).toEqual(['lease']);
  });

  test('that comes before there is a credential ends us, and the command is not run', async () => {
    broker.signal('SIGSTOP');
    try {
      const command = exec([], ['echo', 'run']);
      // Node itself has none for this one.
      await until('it listens for signals', () => catches(command.child.pid!, constants.signals.SIGHUP));
      command.child.kill('SIGTERM');
      expect(await command.ended).toMatchObject({ exit: 143, out: '' });
    } finally {
      broker.signal('SIGCONT');
    }
  });

  test('typed at a terminal comes to the command once', async () => {
    const log = join(folder, 'typed');
    const script = `trap 'echo INT >>${log}' INT; trap 'exit 4' QUIT; echo ready; while :; do sleep 0.05; done`;
    const inside = join(folder, 'inside.sh');
    writeFileSync(inside, script);
    const line = `exec '${process.execPath}' dist/cli/mayfly.js exec --task ${task} --tool crm -- sh '${inside}'`;
    const terminal = startProgram(
      'script',
      ['--quiet', '--return', '--command', line, '/dev/null'],
      asAgent(),
    );
    going.push(terminal);
    await terminal.written(/ready/);
    terminal.child.stdin?.write('\x03');
    await until('it came', () => readOr(log, '').includes('INT'));
    terminal.child.stdin?.write('\x03');
    await until('it came again', () => readOr(log, '').split('INT').length > 2);
    expect(readOr(log, '')).toBe('INT\nINT\n');
    terminal.child.stdin?.write('\x1c');
    expect((await terminal.ended).exit).toBe(4);
  });

  test('kill -9 cannot be passed on: the command goes on, and the lease runs out by itself', async () => {
    const command = exec(['--ttl', '2s'], shell('echo "pid $$"; exec sleep 60'));
    const [, pid = ''] = await command.written(/pid (\d+)/);
    command.child.kill('SIGKILL');
    await until('we are gone', () => command.child.signalCode === 'SIGKILL');
    expect(await states()).toEqual(['active']);
    process.kill(Number(pid), 0);
    await until('the lease has run out', async () => (await states())[0] === 'expired');
    process.kill(Number(pid), 'SIGKILL');
  });
});

/** Prints the path, and ends when somebody writes the file `stop` beside it. */
const holder = (stop: string): string[] =>
  shell(`echo "<$MAYFLY_CREDENTIAL_FILE>"; until [ -e ${stop} ]; do sleep 0.05; done; exit 6`);

const renewed = (path: string, before: string): Promise<string> =>
  until('there is another credential', () => {
    const now = readFileSync(path, 'utf8');
    return now === before ? undefined : now;
  });

describe('a credential in a file', () => {
  let stops = 0;
  const newStop = (): string => join(folder, `stop-${++stops}`);

  async function held(options: readonly string[]): Promise<{ command: Going; path: string; stop: string }> {
    const stop = newStop();
    const command = exec(options, holder(stop));
    const [, path = ''] = await command.written(/<([^>]+)>/);
    return { command, path, stop };
  }
  test('is for its user alone, and gone when the command has ended', async () => {
    const { command, path, stop } = await held(['--file']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(await isAlive(readFileSync(path, 'utf8'))).toBe(true);
    writeFileSync(stop, '');
    expect((await command.ended).exit).toBe(6);
    expect(() => statSync(dirname(path))).toThrow('ENOENT');
  });

  test('takes the place of nothing else: --file ./agent.sh is soon written', async () => {
    const precious = join(folder, 'agent.sh');
    for (const [content, mode] of [
      ['echo precious', 0o700],
      ['a key\nof two lines\n', 0o600],
    ] as const) {
      writeFileSync(precious, content, { mode });
      chmodSync(precious, mode);
      expect(await ran(['--file', precious], ['true'])).toMatchObject({
        exit: 125,
        err: expect.stringContaining('is there already'),
      });
      expect(readFileSync(precious, 'utf8')).toBe(content);
    }
    expect(await states()).toEqual([]);
  });

  test('takes the place of one that was left behind', async () => {
    const left = join(folder, 'left-behind');
    writeFileSync(left, 'eyJ.an.old.one', { mode: 0o600 });
    const { exit, out } = await ran(['--file', left], shell('cat "$MAYFLY_CREDENTIAL_FILE"'));
    expect([exit, out]).toEqual([0, expect.stringMatching(/^eyJ(?!\.an\.old)[\w.-]+$/)]);
    expect(() => statSync(left)).toThrow('ENOENT');
  });

  test('is renewed under the same lease well before it ends, and never missing or half there', async () => {
    const named = join(folder, 'credential');
    const { command, path, stop } = await held(['--file', named, '--ttl', '3s']);
    expect(path).toBe(named);
    let credential = readFileSync(path, 'utf8');
    for (let times = 0; times < 2; times++) {
      const next = await renewed(path, credential);
      expect(await isAlive(next)).toBe(true);
      expect(await isAlive(credential)).toBe(true);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      credential = next;
    }
    expect(await states()).toEqual(['active']);
    writeFileSync(stop, '');
    expect(await command.ended).toMatchObject({ exit: 6, err: '' });
    expect([await causes(), await isAlive(credential)]).toEqual([['lease'], false]);
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  test('is replaced by one under a new lease where the tool allows no renewal, and all leases are released', async () => {
    const { command, path, stop } = await held(['--tool', 'search', '--file', '--ttl', '3s']);
    const first = readFileSync(path, 'utf8');
    const second = await renewed(path, first);
    // Whoever read the first a moment ago may still use it.
    expect([await isAlive(first), await isAlive(second)]).toEqual([true, true]);
    writeFileSync(stop, '');
    expect((await command.ended).exit).toBe(6);
    expect([await isAlive(first), await isAlive(second)]).toEqual([false, false]);
    expect(await states()).not.toContain('active');
  });

  test('stays, and is renewed as soon as that can be, when the broker is away', async () => {
    const { command, path, stop } = await held(['--file', '--ttl', '6s']);
    const before = readFileSync(path, 'utf8');
    await broker.end('SIGTERM');
    await command.written(/no new credential yet: the broker .* cannot be reached/);
    expect(readFileSync(path, 'utf8')).toBe(before);
    await broker.start();
    await command.written(/the credential is fresh again/);
    expect(await isAlive(readFileSync(path, 'utf8'))).toBe(true);
    writeFileSync(stop, '');
    expect((await command.ended).exit).toBe(6);
    expect(await states()).not.toContain('active');
  });

  test('is dead when the task is over: this is said, and the command goes on', async () => {
    const { command, path, stop } = await held(['--file', '--ttl', '3s']);
    const credential = readFileSync(path, 'utf8');
    await broker.complete(task);
    await command.written(/there is no new credential: its task is over/);
    expect(await isAlive(credential)).toBe(false);
    writeFileSync(stop, '');
    expect((await command.ended).exit).toBe(6);
  });

  test('that was killed is not replaced by another one', async () => {
    const { command, stop } = await held(['--file', '--ttl', '3s']);
    const [lease] = await leases();
    expect((await broker.kill({ lease: lease!.id })).status).toBe(202);
    await command.written(/there is no new credential: it was killed \(lease\)/);
    expect(await states()).toEqual(['revoked']);
    writeFileSync(stop, '');
    await command.ended;
  });

  test('that is being given back to a broker that hangs holds up nobody who is in a hurry', async () => {
    const { command, path, stop } = await held(['--file']);
    broker.signal('SIGSTOP');
    try {
      writeFileSync(stop, '');
      await until('the command has ended', () => readOr(path, '') === '');
      command.child.kill('SIGTERM');
      const { exit, err } = await command.ended;
      expect([exit, err]).toEqual([6, expect.stringContaining('could not be released')]);
    } finally {
      broker.signal('SIGCONT');
    }
  });

  test('that cannot be given back is told of, and the exit code stays', async () => {
    const { command, stop } = await held(['--file']);
    await broker.end('SIGTERM');
    writeFileSync(stop, '');
    const { exit, err } = await command.ended;
    expect([exit, err]).toEqual([
      6,
      expect.stringMatching(/lease_\w+ could not be released .*; it ends at 20/),
    ]);
    await broker.start();
  });
});

describe('with --on-end terminate', () => {
  const watched = ['--on-end', 'terminate', '--watch', '1s', '--grace', '1s'];

  test('a command is told to end when its task does', async () => {
    const command = exec(watched, waiting(`trap 'echo cleaned up; exit 9' TERM`));
    await command.written(/ready/);
    await broker.complete(task);
    expect(await command.ended).toMatchObject({
      exit: 9,
      out: 'ready\ncleaned up\n',
      err: expect.stringContaining('the credential is dead: its task is over'),
    });
  });

  test('a command that ignores it is ended', async () => {
    const command = exec(watched, waiting(`trap '' TERM`));
    await command.written(/ready/);
    await broker.kill({ agent: 'cluster/agent-1' });
    expect(await command.ended).toMatchObject({ exit: 137 });
  });

  test('a command is told to end when the time of a credential in a variable is over', async () => {
    const command = exec([...watched, '--ttl', '2s'], waiting('true'));
    expect(await command.ended).toMatchObject({
      exit: 143,
      err: expect.stringContaining('a variable cannot be replaced'),
    });
  });
});
