// `mayfly exec` with a key: the command gets it beside the credential, renewal keeps it, and one for this run ends with it.
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DpopKey, type LeaseList, newDpopJwk } from '../../src/sdk/client/index.js';
import { until } from '../fixtures/until.js';
import { type Going, SCRIPT } from './command.js';
import { broker, exec, folder, isAlive, ran, shell, task } from './exec-scene.js';

/** For a tool that gives bound credentials alone. */
let ledger: string[];
beforeEach(async () => {
  const tools = [{ tool: 'ledger', actions: ['read', 'write'] }];
  const { status } = await broker.openTask({ id: `${task}-ledger`, tools });
  expect(status).toBe(201);
  ledger = ['--task', `${task}-ledger`, '--tool', 'ledger'];
});

let files = 0;
async function keyFile(): Promise<{ file: string; jkt: string }> {
  const file = join(folder, `key-${++files}.jwk`);
  const jwk = await newDpopJwk();
  writeFileSync(file, JSON.stringify(jwk), { mode: 0o600 });
  return { file, jkt: (await DpopKey.fromJwk(jwk)).thumbprint };
}

const thumbprintIn = async (file: string): Promise<string> =>
  (await DpopKey.fromJwk(JSON.parse(readFileSync(file, 'utf8')) as object)).thumbprint;
const boundTo = async (credential: string): Promise<unknown> => (await broker.introspect(credential)).cnf;

const print = shell('echo "<$MAYFLY_DPOP_KEY_FILE>"');
/** Says what it got, and ends at the end of its input. */
const holding = shell('echo "<$MAYFLY_DPOP_KEY_FILE|$MAYFLY_CREDENTIAL|$MAYFLY_CREDENTIAL_FILE>"; cat');

async function held(command: Going): Promise<string[]> {
  const [, told = ''] = await command.written(/<([^>]+)>/);
  return told.split('|');
}

describe('with --dpop', () => {
  test('a command gets a bound credential and its key, which nobody else can read, and which ends with it', async () => {
    const command = exec([...ledger, '--dpop'], holding);
    const [key = '', credential = ''] = await held(command);
    expect([statSync(key).mode & 0o777, statSync(dirname(key)).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(await boundTo(credential)).toEqual({ jkt: await thumbprintIn(key) });
    command.child.stdin?.end();
    expect(await command.ended).toMatchObject({ exit: 0, err: '' });
    expect([existsSync(dirname(key)), await isAlive(credential)]).toEqual([false, false]);
  });

  test('each run has a key of its own', async () => {
    const keys = await Promise.all(
      [1, 2].map(async () => {
        const command = exec([...ledger, '--dpop'], holding);
        const thumbprint = await thumbprintIn((await held(command))[0]!);
        command.child.stdin?.end();
        await command.ended;
        return thumbprint;
      }),
    );
    expect(new Set(keys).size).toBe(2);
  });

  test('the key is gone also where the command was ended by force, and where it was never run', async () => {
    const command = exec([...ledger, '--dpop'], shell('echo "<$MAYFLY_DPOP_KEY_FILE>"; kill -9 $$'));
    const [key = ''] = await held(command);
    expect([(await command.ended).exit, existsSync(dirname(key))]).toEqual([137, false]);
    const variables = { TMPDIR: folder };
    expect((await ran(['--task', 'nowhere', '--dpop'], print, variables)).exit).toBe(125);
    expect((await ran(['--dpop'], ['/nowhere/command'], variables)).exit).toBe(127);
    const { out } = await ran([], shell('ls "$TMPDIR"'), variables);
    expect(out).not.toContain('mayfly-key-');
  });

  test('and another key beside it, the command line is wrong; one of the environment gives way', async () => {
    const { file } = await keyFile();
    expect((await ran(['--dpop', '--dpop-key', file], print)).exit).toBe(2);
    const { exit, out } = await ran(['--dpop'], print, { MAYFLY_DPOP_KEY_FILE: file });
    expect([exit, out]).toEqual([0, expect.stringContaining('key.jwk')]);
  });
});

test('one in another has the key of the outer one, so that one variable tells of both', async () => {
  const inner = `${process.execPath} ${SCRIPT} exec ${ledger.join(' ')} --env READER --`;
  const script = `${inner} sh -c 'echo "<$MAYFLY_DPOP_KEY_FILE|$MAYFLY_CREDENTIAL|$READER>"; cat'`;
  const command = exec([...ledger, '--dpop', '--keep-token'], shell(script));
  const [key = '', outer = '', reader = ''] = await held(command);
  const cnf = { jkt: await thumbprintIn(key) };
  expect([await boundTo(outer), await boundTo(reader)]).toEqual([cnf, cnf]);
  command.child.stdin?.end();
  expect(await command.ended).toMatchObject({ exit: 0, err: '' });
  expect(existsSync(key)).toBe(false);
});

describe('with a key file', () => {
  test('renewal keeps the key, and the file stays', async () => {
    const { file, jkt } = await keyFile();
    const command = exec([...ledger, '--dpop-key', file, '--file', '--ttl', '3s'], holding);
    const [key, , path = ''] = await held(command);
    expect(key).toBe(file);
    const first = readFileSync(path, 'utf8');
    const second = await until('there is another credential', () => {
      const now = readFileSync(path, 'utf8');
      return now === first ? undefined : now;
    });
    expect([await boundTo(first), await boundTo(second)]).toEqual([{ jkt }, { jkt }]);
    command.child.stdin?.end();
    expect(await command.ended).toMatchObject({ exit: 0, err: '' });
    const { body } = await broker.get<LeaseList>(`/v1/leases?task=${task}-ledger`, 'agent-1');
    expect(body.leases).toMatchObject([{ state: 'revoked', cnf: { jkt } }]);
    expect(existsSync(file)).toBe(true);
  });

  test('of the environment, the command gets the whole path', async () => {
    const { file } = await keyFile();
    const named = relative(process.cwd(), file);
    const { exit, out } = await ran(ledger, print, { MAYFLY_DPOP_KEY_FILE: named });
    expect([exit, out]).toEqual([0, `<${file}>\n`]);
  });

  test('that others can read, or where the tool asks for one and there is none, the command is not run', async () => {
    const { file } = await keyFile();
    chmodSync(file, 0o644);
    expect(await ran([...ledger, '--dpop-key', file], print)).toMatchObject({
      exit: 125,
      out: '',
      err: expect.stringContaining('is open to others'),
    });
    expect(await ran(ledger, print)).toMatchObject({
      exit: 125,
      out: '',
      err: expect.stringContaining('A DPoP proof is required.'),
    });
  });

  test('a workload token that is bound to it is good, and with a key for this run it is not', async () => {
    const { file, jkt } = await keyFile();
    const MAYFLY_TOKEN = broker.workloads.sign('agent-1', { cnf: { jkt } });
    const command = exec(['--dpop-key', file], holding, { MAYFLY_TOKEN });
    const [, credential = ''] = await held(command);
    expect(await boundTo(credential)).toEqual({ jkt });
    command.child.stdin?.end();
    expect(await command.ended).toMatchObject({ exit: 0, err: '' });
    expect(await isAlive(credential)).toBe(false);
    expect(await ran(['--dpop'], print, { MAYFLY_TOKEN })).toMatchObject({
      exit: 125,
      err: expect.stringContaining('the dpop key is another one'),
    });
  });
});
