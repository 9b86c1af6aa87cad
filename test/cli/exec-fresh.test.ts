// `mayfly exec` while time goes by: credentials that are kept fresh, brokers that are away, and tasks that end first.
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { until } from '../fixtures/until.js';
import type { Going } from './command.js';
import {
  broker,
  causes,
  exec,
  folder,
  isAlive,
  leases,
  ran,
  readOr,
  shell,
  states,
  task,
  waiting,
} from './exec-scene.js';

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
  const terminating = ['--on-end', 'terminate', '--watch', '1s', '--grace', '1s'];

  test('a command is told to end when its task does', async () => {
    const command = exec(terminating, waiting(`trap 'echo cleaned up; exit 9' TERM`));
    await command.written(/ready/);
    await broker.complete(task);
    expect(await command.ended).toMatchObject({
      exit: 9,
      out: 'ready\ncleaned up\n',
      err: expect.stringContaining('the credential is dead: its task is over'),
    });
  });

  test('a command that ignores it is ended', async () => {
    const command = exec(terminating, waiting(`trap '' TERM`));
    await command.written(/ready/);
    await broker.kill({ agent: 'cluster/agent-1' });
    expect(await command.ended).toMatchObject({ exit: 137 });
  });

  test('a command is told to end when the time of a credential in a variable is over', async () => {
    const command = exec([...terminating, '--ttl', '2s'], waiting('true'));
    expect(await command.ended).toMatchObject({
      exit: 143,
      err: expect.stringContaining('a variable cannot be replaced'),
    });
  });
});
