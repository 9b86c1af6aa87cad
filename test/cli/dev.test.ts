// The whole way of a task by the command line, against a broker that `mayfly dev` started.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AuditEventView } from '../../src/wire/audit.js';
import type { LeaseList, LeaseView } from '../../src/wire/leases.js';
import type { RevocationView } from '../../src/wire/revocations.js';
import type { TaskView } from '../../src/wire/tasks.js';
import type { TokenResponse } from '../../src/wire/token.js';
import { Secret } from '../../src/domain/secret.js';
import { type Going, command, freePort, start, stop } from './command.js';
import { type Ran, type Setting, ran } from './fake-shell.js';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-dev-'));
const data = join(folder, 'data');
let broker: Going | undefined;
let url = '';
const tokens = new Map<string, string>();

const tokenOf = async (name: string): Promise<string> => {
  const known =
    tokens.get(name) ??
    (await command(['dev', 'token', '--as', name, '--data', data], { MAYFLY_URL: url })).out.trim();
  tokens.set(name, known);
  return known;
};

/** A command as one of the development names; in this process, as starting one takes longer than all it does. */
const as = async (name: string, ...args: string[]): Promise<Ran> => asWith(name, {}, ...args);

async function asWith(name: string, setting: Setting, ...args: string[]): Promise<Ran> {
  return ran(args, { environment: { url, token: new Secret(await tokenOf(name)) }, ...setting });
}

async function json<Document>(name: string, ...args: string[]): Promise<Document> {
  const { exit, out, err } = await as(name, ...args, '--json');
  expect([exit, err]).toEqual([0, '']);
  return JSON.parse(out) as Document;
}

const open = (id: string, ...more: string[]): Promise<Ran> => {
  const fixed = `task open --id ${id} --agent dev/agent-* --tool crm:read,write@customers/* --ttl 15m`;
  return as('planner', ...fixed.split(' '), '--purpose', 'a test', ...more);
};
const token = (task: string): Promise<TokenResponse> =>
  json<TokenResponse>('agent-1', 'token', '--task', task, '--tool', 'crm');

const leasesOf = async (task: string): Promise<number> =>
  (await json<LeaseList>('agent-1', 'lease', 'list', '--task', task)).leases.length;

/** With somebody at the terminal who gives this answer, or with nobody. */
const revoke = (args: readonly string[], answer?: string): Promise<Ran> =>
  asWith('operator', answer === undefined ? {} : { answer }, 'revoke', ...args);

beforeAll(async () => {
  const port = await freePort();
  broker = start(['dev', '--port', String(port), '--data', data]);
  await broker.written(/Go on in another terminal/);
  url = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  expect(await stop(broker)).toMatchObject({ exit: 0 });
});

describe('mayfly dev', () => {
  test('says where it listens and prints commands that work as they stand', async () => {
    const [greeting] = (await broker?.written(/^[^]*audit --task run-1$/m)) ?? [''];
    expect(greeting).toContain(`mayfly dev listens at ${url}, for this machine only.`);
    expect(greeting).toContain('\nNo policies: whatever a task names is permitted in it.');
    const commands = greeting.split('\n').filter((line) => line.startsWith('  '));
    expect(commands).toHaveLength(5);
    writeFileSync(join(folder, 'go-on.sh'), `set -e\n${commands.join('\n')}\n`);
    const { execFile } = await import('node:child_process');
    const shown = await new Promise<string>((resolve, reject) => {
      execFile('sh', [join(folder, 'go-on.sh')], (error, out, err) =>
        error ? reject(new Error(`${error.message}\n${out}\n${err}`)) : resolve(out),
      );
    });
    expect(shown).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m);
    expect(shown).toMatch(/task\.complete +dev\/planner +permitted/);
  });

  test('tries policies, the shipped ones by the commands that it prints, and swaps them when it is told to', async () => {
    const policies = join(folder, 'policies');
    cpSync('config/policies', policies, { recursive: true });
    const [port, tried] = [await freePort(), join(folder, 'tried')];
    const args = ['dev', '--config', 'config/mayfly.yaml', '--policies', policies];
    const other = start([...args, '--port', String(port), '--data', tried]);
    try {
      const [greeting] = await other.written(/^[^]*audit --task run-1$/m);
      const commands = greeting.split('\n').filter((line) => line.startsWith('  '));
      writeFileSync(join(policies, '50-more.cedar'), 'forbid (principal, action, resource == Tool::"wiki");');
      writeFileSync(join(folder, 'tried.sh'), `set -e\n${commands.slice(0, 4).join('\n')}\n`);
      const { status, stdout, stderr } = spawnSync('sh', [join(folder, 'tried.sh')], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^no mistakes: 5 files, /);
      expect(stdout).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m);
      await other.written(/"changed":\["policies"\]/);
    } finally {
      await stop(other);
    }
  });

  test('keeps its key for its owner alone, and the same from one start to the next', async () => {
    const file = join(data, 'dev-key.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, 'utf8');
    const second = await command(['dev', '--port', String(await freePort()), '--data', data]);
    expect([second.exit, second.err]).toEqual([69, expect.stringContaining('in use')]);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('takes no key that others could have read, and none that is none', async () => {
    const other = mkdtempSync(join(folder, 'key-'));
    const args = ['dev', 'token', '--as', 'agent-1', '--data', other];
    expect(await command(args)).toMatchObject({
      exit: 78,
      out: '',
      err: expect.stringContaining('is not there'),
    });
    const file = join(other, 'dev-key.json');
    writeFileSync(file, '{"kty":"EC"}', { mode: 0o600 });
    expect(await command(args)).toMatchObject({ exit: 78, err: expect.stringContaining('no ES256 key') });
    chmodSync(file, 0o644);
    expect(await command(args)).toMatchObject({
      exit: 78,
      err: expect.stringContaining(`chmod 600 ${file}`),
    });
  });

  test('signs claims as they are given, JSON where they are JSON', async () => {
    const { out } = await command(
      [
        'dev',
        'token',
        '--as',
        'x',
        '--ttl',
        '2m',
        '--claim',
        'groups=["a"]',
        '--claim',
        'team=blue',
        '--data',
        data,
      ],
      { MAYFLY_URL: 'http://127.0.0.1:9/' },
    );
    const claims = JSON.parse(Buffer.from(out.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      number
    >;
    expect(claims).toMatchObject({
      iss: 'http://127.0.0.1:9/dev',
      sub: 'x',
      aud: 'mayfly',
      groups: ['a'],
      team: 'blue',
    });
    expect(claims['exp']! - claims['iat']!).toBe(120);
  });

  test('answers on loopback under the names of its own address only', async () => {
    const metadata = (await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json()) as object;
    expect(metadata).toMatchObject({ issuer: url });
  });
});

describe('a task', () => {
  test('is opened, shown, listed, extended and completed, and its credential dies with it', async () => {
    const opened = await open('life', '--label', 'team=blue');
    expect(opened).toMatchObject({ exit: 0, err: '' });
    expect(opened.out).toMatch(/^tool +crm: read, write on customers\/\*$/m);
    expect(await open('life', '--label', 'team=blue')).toMatchObject({ exit: 0 });
    expect(await open('life', '--label', 'team=red')).toMatchObject({ exit: 1 });

    const issued = await token('life');
    expect(issued).toMatchObject({
      task_id: 'life',
      scope: 'read write',
      token_type: 'Bearer',
      revocation: 'pushed',
    });
    const credential = join(folder, 'credential');
    writeFileSync(credential, issued.access_token);
    expect((await as('operator', 'introspect', credential)).out).toMatch(/^active +true$/m);

    const extended = await json<TaskView>('planner', 'task', 'extend', 'life', '--ttl', '1h');
    expect(Date.parse(extended.deadline) - Date.now()).toBeGreaterThan(50 * 60_000);
    expect((await as('planner', 'task', 'list', '--tree', 'life', '--state', 'open')).out).toMatch(
      /^life +open/m,
    );

    const closed = await json<TaskView>(
      'planner',
      'task',
      'complete',
      'life',
      '--reason',
      'done',
      '--wait',
      '2s',
    );
    expect(closed).toMatchObject({
      state: 'settled',
      outcome: 'completed',
    });
    expect(await json('planner', 'task', 'show', 'life')).toMatchObject({
      leases: { revoked: 1, active: 0 },
    });
    expect((await as('operator', 'introspect', credential)).out).toBe('active  false\n');

    const why = await as('operator', 'why', issued.lease_id);
    expect(why.out).toMatch(
      /It was killed at .* because task life was completed by dev\/planner \(reason "done"\); request req_/,
    );
    expect(why.out).toMatch(/token\.exchange +dev\/agent-1 +permitted/);
    const toAuditor = await as('auditor', 'why', issued.lease_id);
    expect(toAuditor.out).toMatch(/It was killed at .* because task life was completed by dev\/planner/);
    const toAgent = await as('agent-1', 'why', issued.lease_id);
    expect(toAgent.out).toContain('because task life ended (reason "done")');
  });

  test('is opened from a file or from standard input, with a purpose that cannot act on a terminal', async () => {
    const purpose = 'innocent\u001b[1A\u202e\nstate  settled';
    const body = {
      id: 'from-file',
      purpose,
      agents: ['dev/agent-*'],
      tools: [{ tool: 'crm', actions: ['read'] }],
      ttl: 60,
    };
    const file = join(folder, 'task.json');
    writeFileSync(file, JSON.stringify(body));
    expect(await as('planner', 'task', 'open', '--file', file)).toMatchObject({ exit: 0 });
    const variables = { MAYFLY_URL: url, MAYFLY_TOKEN: await tokenOf('planner') };
    const piped = await command(['task', 'open', '--file', '-'], variables, JSON.stringify(body));
    expect(piped.exit).toBe(0);
    for (const args of [['show', 'from-file'], ['list'], ['show', 'from-file', '--json']]) {
      const { out } = await as('planner', 'task', ...args);
      expect(out).not.toMatch(/[\p{Cf}]|[^\P{Cc}\n]/u);
      expect(out).not.toMatch(/^state {2}settled$/m);
    }
    expect((await json<TaskView>('planner', 'task', 'show', 'from-file')).purpose).toBe(purpose);
  });

  test('of nobody looks like one that is not there: exit code 3', async () => {
    await open('mine');
    const unknown = await as('planner', 'task', 'show', 'nobodys');
    expect([unknown.exit, unknown.out]).toEqual([3, '']);
    expect((await as('agent-1', 'task', 'show', 'mine')).exit).toBe(4);
  });
});

describe('a credential', () => {
  test('is printed alone in a pipe, written for its owner alone, and kept from a terminal', async () => {
    await open('out');
    const args = ['token', '--task', 'out', '--tool', 'crm'];
    const piped = await as('agent-1', ...args, '--scope', 'read', '--ttl', '1m');
    expect(piped.out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);

    const file = join(folder, 'crm.token');
    writeFileSync(file, 'older', { mode: 0o644 });
    const written = await as('agent-1', ...args, '--out', file);
    expect(written.out).toMatch(/^lease +lease_/);
    expect(written.out).not.toContain('eyJ');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^eyJ/);

    const before = await leasesOf('out');
    const shown = await asWith('agent-1', { outputIsTerminal: true }, ...args);
    expect([shown.exit, shown.out]).toEqual([2, '']);
    expect(await as('agent-1', ...args, '--out', '/nowhere/x')).toMatchObject({ exit: 2 });
    expect(await leasesOf('out')).toBe(before);
    const asked = await asWith('agent-1', { outputIsTerminal: true }, ...args, '--raw');
    expect(asked.out).toMatch(/^eyJ/);
  });

  test('is narrowed to resources, renewed and released', async () => {
    await open('narrow');
    const { lease_id: id } = await json<TokenResponse>(
      'agent-1',
      ...'token --task narrow --tool crm --scope read --resource customers/7'.split(' '),
    );
    const lease = await json<LeaseView>('agent-1', 'lease', 'show', id);
    expect(lease.authorization_details).toEqual([
      { type: 'mayfly_tool', actions: ['read'], resources: ['customers/7'] },
    ]);
    expect((await as('agent-1', 'lease', 'renew', id)).out).toMatch(/^eyJ/);
    expect((await as('agent-2', 'lease', 'release', id)).exit).toBe(3);
    expect((await as('agent-1', 'lease', 'release', id)).out).toMatch(/^state +revoked$/m);
    expect((await as('operator', 'why', id)).out).toContain('because its agent dev/agent-1 released it');
  });

  test('that is refused leaves a request id, by which an operator finds the true reason', async () => {
    await open('refused');
    const refused = await as('agent-1', 'token', '--task', 'refused', '--tool', 'search');
    expect([refused.exit, refused.out]).toEqual([1, '']);
    expect(refused.err).toContain('The task or the tool is unknown, or not available to this identity.');
    const [request = ''] = /req_\w+/.exec(refused.err) ?? [];
    const why = await as('auditor', 'why', request);
    expect(why.out).toContain('dev/agent-1 asked for a credential (tool search, task refused)');
    expect(why.out).toContain('REFUSED, tool_not_in_manifest');
    expect(why.out).toContain('To do:   Open a task that does.');
    expect(
      (await json<{ events: AuditEventView[] }>('auditor', 'audit', '--request', request)).events,
    ).toHaveLength(1);
    expect((await as('agent-1', 'why', request)).exit).toBe(4);
    expect((await as('operator', 'why', 'req_0000000000000000000000')).exit).toBe(3);
  });

  test('cannot be had with a token of somebody else', async () => {
    const stranger = mkdtempSync(join(folder, 'stranger-'));
    const other = start(['dev', '--port', '0', '--data', stranger]);
    const [, elsewhere = ''] = await other.written(/listens at (\S+),/);
    await stop(other);
    expect(elsewhere).not.toBe(url);
    const { out: forged } = await command(['dev', 'token', '--as', 'operator', '--data', stranger], {
      MAYFLY_URL: url,
    });
    const refused = await command(['task', 'list'], { MAYFLY_URL: url, MAYFLY_TOKEN: forged });
    expect(refused.exit).toBe(4);
    const [request = ''] = /req_\w+/.exec(refused.err) ?? [];
    expect((await as('operator', 'why', request)).out).toContain('REFUSED, key_unknown');
  });
});

describe('a revocation', () => {
  test('is previewed and asked for, and only yes is yes', async () => {
    await open('asked');
    const { lease_id: id } = await token('asked');
    const no = await revoke(['--agent', 'dev/agent-1', '--reason', 'odd'], 'y');
    expect(no).toMatchObject({ exit: 1, out: '' });
    expect(no.err).toMatch(/would revoke +agent dev\/agent-1\nwould be dead at once +\d+ credential/);
    expect(no.asked).toHaveLength(1);
    expect((await json<LeaseView>('agent-1', 'lease', 'show', id)).state).toBe('active');
    const yes = await revoke(['--task', 'asked', '--reason', 'odd'], 'yes');
    expect(yes.out).toMatch(/^dead +1 credential$/m);
    expect((await json<LeaseView>('agent-1', 'lease', 'show', id)).state).toBe('revoked');
    expect((await as('operator', 'why', id)).out).toContain('dev/operator revoked task asked (reason "odd")');
  });

  test('that is wide needs --yes where nobody can be asked; that of a task does not', async () => {
    await open('script');
    const { lease_id: id } = await token('script');
    for (const wide of [
      ['--agent', 'dev/agent-1'],
      ['--tool', 'crm'],
      ['--trust', 'dev'],
      ['--key', 'k'],
      ['--all'],
    ]) {
      expect(await revoke([...wide, '--reason', 'x'])).toMatchObject({ exit: 2, out: '' });
    }
    expect((await json<LeaseView>('agent-1', 'lease', 'show', id)).state).toBe('active');
    expect(await revoke(['--lease', id, '--reason', 'x'])).toMatchObject({ exit: 0 });
  });

  test('with quarantine keeps an agent out until that is lifted', async () => {
    await open('quarantined');
    const agent = 'dev/agent-3';
    const killed = await json<RevocationView>(
      'operator',
      ...`revoke --agent ${agent} --reason odd --quarantine --yes`.split(' '),
    );
    expect(killed).toMatchObject({ select: { agent }, quarantined: true, preview: false });
    expect((await as('operator', 'quarantine', 'list')).out).toMatch(/^dev\/agent-3 .*dev\/operator +odd$/m);
    const args = ['token', '--task', 'quarantined', '--tool', 'crm'];
    expect((await as('agent-3', ...args)).exit).toBe(1);
    expect((await as('operator', 'quarantine', 'lift', agent)).out).toBe(
      'dev/agent-3 may ask for credentials again\n',
    );
    expect((await as('operator', 'quarantine', 'lift', agent)).exit).toBe(3);
    expect((await as('agent-3', ...args)).exit).toBe(0);
  });
});

test('the catalogue is there for anyone who is known', async () => {
  expect((await as('agent-1', 'tool', 'list')).out).toMatch(/^crm +data +read write +jwt/m);
  expect((await command(['tool', 'list'], { MAYFLY_URL: url, MAYFLY_TOKEN: 'no.such.token' })).exit).toBe(4);
});
