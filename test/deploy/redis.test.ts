// The Redis of docker-compose.yml, started by its own command with its own configuration: a password, and nothing lost.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { RespConnection, RedisError } from '../fixtures/redis/resp.js';
import { type RunningService, startRedis } from './services.js';

// What quoting could go wrong with.
const PASSWORD = String.raw`correct "horse" \battery $HOME $(id) 'staple'`;
const folder = mkdtempSync(join(tmpdir(), 'mayfly-compose-redis-'));
const passwordFile = join(folder, 'password');
let port = 0;
let redis: RunningService | undefined;

const connect = (password?: string): Promise<RespConnection> =>
  RespConnection.open({
    port,
    login: password === undefined ? undefined : { username: 'default', password },
  });

(hasRedis ? describe : describe.skip)('Redis', () => {
  beforeAll(async () => {
    port = await freePort();
    writeFileSync(passwordFile, `${PASSWORD}\n`);
  });
  beforeEach(async () => {
    redis = await startRedis({ folder, port, passwordFile });
  });
  afterEach(() => redis?.stop());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('wants the password, and shows it to nobody', async () => {
    const stranger = await connect();
    await expect(stranger.call('PING')).rejects.toThrow('NOAUTH');
    stranger.close();
    await expect(connect('another')).rejects.toThrow(RedisError);
    (await connect(PASSWORD)).close();
    // The shell became Redis: nothing stands between it and its signals.
    expect(readFileSync(`/proc/${redis!.pid}/cmdline`, 'utf8')).toMatch(/^redis-server/);
    expect(readFileSync(`/proc/${redis!.pid}/cmdline`, 'utf8')).not.toContain('horse');
  });

  test('writes everything to its file before it answers, and throws nothing away', async () => {
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
    const before = await connect(PASSWORD);
    await before.call('SET', 'kept', 'yes');
    before.close();
    expect(await redis!.stop()).toEqual([0, null]);
    redis = await startRedis({ folder, port, passwordFile });
    const after = await connect(PASSWORD);
    expect(await after.call('GET', 'kept')).toBe('yes');
    after.close();
  });
});
