// `mayfly exec` with real commands: what they get, how they end, which signals reach them, and that all is given back.
import { statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { until } from '../fixtures/until.js';
import { start, startProgram } from './command.js';
import {
  asAgent,
  broker,
  causes,
  exec,
  folder,
  isAlive,
  ran,
  readOr,
  shell,
  states,
  task,
  waiting,
  watched,
} from './exec-scene.js';

/** Of the signals that it does not leave to the system (proc(5), SigCgt). */
function catches(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readOr(`/proc/${pid}/status`, '')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}

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

  test('and --json that follows it is not for us', async () => {
    const args = ['exec', '--task', task, '--tool', 'crm', 'no-such-command-anywhere', '--json'];
    const command = start(args, asAgent());
    command.child.stdin?.end();
    expect(await command.ended).toMatchObject({ exit: 127, err: expect.stringMatching(/^mayfly: no-such/) });
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
    ['is 127 where its name is empty', [''], 127],
    ['is 126 where it cannot be run', [notExecutable], 126],
    ['is 126 where there is no folder on the way to it', [join(notExecutable, 'x')], 126],
    ['is 126 where its name is too long', ['x'.repeat(5000)], 126],
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

  test('is that of the command also where its file cannot be removed', async () => {
    const script = shell('rm "$MAYFLY_CREDENTIAL_FILE"; mkdir "$MAYFLY_CREDENTIAL_FILE"; exit 5');
    const { exit, err } = await ran(['--file', join(folder, 'a-folder')], script);
    expect([exit, err]).toEqual([
      5,
      expect.stringMatching(/^mayfly exec: .*a-folder could not be removed.*\n$/),
    ]);
    expect(await causes()).toEqual(['lease']);
  });

  test('is that of the command also where nobody listens any more to what we say', async () => {
    const watch = ['--on-end', 'terminate', '--watch', '1s'];
    const command = exec(watch, waiting("trap 'exit 5' TERM"));
    await command.written(/ready/);
    command.child.stderr?.destroy();
    // Before it gets SIGTERM, we say why.
    await broker.post(`/v1/tasks/${task}/complete`, 'planner', {});
    expect((await command.ended).exit).toBe(5);
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
    watched(terminal);
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
