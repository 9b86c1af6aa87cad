// The Redis of docker-compose.yml, started by its own command with its own configuration: a password, and nothing lost.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { RespConnection, RedisError } from '../fixtures/redis/resp.js';
import { tied } from '../fixtures/tied.js';
import { until } from '../fixtures/until.js';
import { composeFile } from './compose-file.js';

// What quoting could go wrong with.
const PASSWORD = String.raw`correct "horse" \battery $HOME $(id) 'staple'`;
const { command = [], healthcheck } = composeFile().services['redis']!;

const folder = mkdtempSync(join(tmpdir(), 'mayfly-compose-redis-'));
const passwordFile = join(folder, 'password');
let port = 0;
let stop: () => Promise<unknown> = () => Promise.resolve();

/** The service's own command, with paths of this machine; resolves when its own health check says that it is well. */
async function start(): Promise<number> {
  const [program = '', ...args] = command.map((word) => word.replace('/etc/redis/', 'deploy/redis/'));
  const child = spawn(...tied(program, args), {
    env: { ...process.env, PASSWORD_FILE: passwordFile, CONFIGURATION_FILE: join(folder, 'redis.conf') },
    stdio: 'ignore',
  });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
  stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  await until('it is well', () => isWell(), { everyMs: 100 });
  return child.pid!;
}

/** Compose writes `$$` for a dollar sign. */
function isWell(): boolean {
  const [, written = ''] = healthcheck!.test;
  const check = written
    .replaceAll('$$', '$')
    .replace('/run/secrets/redis-password', passwordFile)
    .replace('redis-cli', `redis-cli -p ${port}`);
  return spawnSync('sh', ['-c', check], { stdio: 'ignore' }).status === 0;
}

const connect = (password?: string): Promise<RespConnection> =>
  RespConnection.open({
    port,
    login: password === undefined ? undefined : { username: 'default', password },
  });

(hasRedis ? describe : describe.skip)('Redis', () => {
  beforeAll(async () => {
    port = await freePort();
    writeFileSync(passwordFile, `${PASSWORD}\n`);
    const configuration = readFileSync('deploy/redis/redis.conf', 'utf8')
      .replace('port 6379', `port ${port}`)
      .replace('bind *', 'bind 127.0.0.1')
      .replace('dir /data', `dir ${folder}`);
    writeFileSync(join(folder, 'redis.conf'), configuration);
  });
  afterEach(() => stop());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('wants the password, and shows it to nobody', async () => {
    const pid = await start();
    const stranger = await connect();
    await expect(stranger.call('PING')).rejects.toThrow('NOAUTH');
    stranger.close();
    await expect(connect('another')).rejects.toThrow(RedisError);
    (await connect(PASSWORD)).close();
    // The shell became Redis: nothing stands between it and its signals.
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/^redis-server/);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('horse');
  });

  test('writes everything to its file before it answers, and throws nothing away', async () => {
    await start();
    const connection = await connect(PASSWORD);
    const setting = async (name: string): Promise<unknown> =>
      ((await connection.call('CONFIG', 'GET', name)) as unknown[])[1];
    expect(await setting('appendonly')).toBe('yes');
    expect(await setting('appendfsync')).toBe('always');
    expect(await setting('maxmemory-policy')).toBe('noeviction');
    expect(await setting('save')).toBe('');
    connection.close();
  });

  test('ends in order when it is told to, and has everything again afterwards', async () => {
    await start();
    const before = await connect(PASSWORD);
    await before.call('SET', 'kept', 'yes');
    before.close();
    expect(await stop()).toEqual([0, null]);
    await start();
    const after = await connect(PASSWORD);
    expect(await after.call('GET', 'kept')).toBe('yes');
    after.close();
  });
});
