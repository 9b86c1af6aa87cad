// `mayfly serve`: starts by a good file or says what is wrong with it, reloads, and goes down in order.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Going, command, freePort, start, stop } from './command.js';

let folder = '';
let file = '';
let port = 0;
let broker: Going | undefined;

const text = (more = ''): string => `issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
store: { kind: embedded, path: ./mayfly.db }
trust:
  - name: local
    kind: oidc
    issuer: https://oidc.example
    audience: mayfly
    jwks_file: ./jwks.json
    roles: { agent: { sub: 'agent-*' } }
tools:
  crm: { plane: data, audience: 'https://crm.example', actions: [read], credential: { kind: jwt } }
${more}`;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-serve-'));
  file = join(folder, 'mayfly.yaml');
  port = await freePort();
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  writeFileSync(file, text());
});

afterEach(async () => {
  await stop(broker);
  broker = undefined;
});

test('listens, reloads what is good, keeps what it has when it is not, and stops with exit code 0', async () => {
  broker = start(['serve'], {}, folder);
  await broker.written(/"msg":"listening"/);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);

  writeFileSync(file, text().replace('[read]', '[read, write]'));
  broker.child.kill('SIGHUP');
  await broker.written(/"changed":\["tools"\].*"msg":"the configuration was reloaded"/);

  writeFileSync(file, text('colour: blue'));
  broker.child.kill('SIGHUP');
  await broker.written(/colour: is not known.*the old one stays in force/);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);

  broker.child.kill('SIGINT');
  const { exit, out, err } = await broker.ended;
  expect([exit, out]).toEqual([0, '']);
  expect(err).toContain('"msg":"stopped"');
});

test('a second signal does not wait for what is in flight', async () => {
  broker = start(['serve', '--config', file]);
  await broker.written(/"msg":"listening"/);
  const slow = connect(port, '127.0.0.1').on('error', () => undefined);
  const form = 'content-type: application/x-www-form-urlencoded\r\ncontent-length: 10';
  slow.write(`POST /token HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n${form}\r\n\r\n`);
  // Its answer to that says that the request is in flight.
  await once(slow, 'data');
  broker.child.kill('SIGTERM');
  await broker.written(/"msg":"stopping/);
  broker.child.kill('SIGTERM');
  expect((await broker.ended).exit).toBe(143);
  slow.destroy();
});

describe('what keeps it from starting', () => {
  test('is every mistake of the file, at its line: exit code 78', async () => {
    writeFileSync(file, text('colour: blue\nlog_level: loud'));
    for (const more of [[], ['--check']]) {
      const { exit, out, err } = await command(['serve', '--config', file, ...more]);
      expect([exit, out]).toEqual([78, '']);
      expect(err).toContain('mayfly: the configuration has 2 mistakes:');
      expect(err).toContain(`${file}:13:1: colour: is not known`);
      expect(err).toContain(`${file}:14:12: log_level: must be one of`);
    }
  });

  test('is that there is no file: exit code 78', async () => {
    broker = start(['serve'], {}, mkdtempSync(join(folder, 'empty-')));
    const { exit, err } = await broker.ended;
    expect([exit, err]).toEqual([78, expect.stringContaining('there is no configuration: give --config')]);
  });

  test('is a seal key that is none: exit code 78, and it is not shown', async () => {
    for (const more of [[], ['--check']]) {
      const { exit, err } = await command(['serve', '--config', file, ...more], {
        MAYFLY_SEAL_KEY: 'c2hvcnQ=',
      });
      expect([exit, err]).toEqual([78, expect.stringContaining('MAYFLY_SEAL_KEY')]);
      expect(err).not.toContain('c2hvcnQ=');
    }
  });

  test('is a store or a port that somebody else has: one line, exit code 69', async () => {
    broker = start(['serve', '--config', file]);
    await broker.written(/"msg":"listening"/);
    const store = await command(['serve', '--config', file]);
    expect([store.exit, store.err]).toEqual([69, expect.stringMatching(/mayfly\.db is in use.*\n$/)]);
    writeFileSync(file, text().replace('mayfly.db', 'other.db'));
    const address = await command(['serve', '--config', file]);
    expect([address.exit, address.err]).toEqual([
      69,
      expect.stringContaining(`port ${port} at 127.0.0.1 is taken: choose another one`),
    ]);
  });
});

test('--check warns of what is allowed and should not pass in silence', async () => {
  writeFileSync(file, text().replace(/^store: .*$/m, 'store: { kind: redis, url: redis://redis.example }'));
  const { exit, out, err } = await command(['serve', '--check', '--config', file]);
  expect([exit, out]).toEqual([0, expect.stringContaining(`${file} is good`)]);
  expect(err).toMatch(/^(?:warning: store: .*redis\.example.*\n){2}$/);
});

test('--check says that a file is good and starts nothing', async () => {
  const { exit, out } = await command(['serve', '--check'], { MAYFLY_CONFIG: file });
  expect([exit, out]).toEqual([0, `${file} is good: http://127.0.0.1:${port}, trust local, tools crm\n`]);
});
