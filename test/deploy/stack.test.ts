// What docker-compose.yml describes, up without containers: two real brokers, Redis and the proxy tell one story.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { until } from '../fixtures/until.js';
import {
  type RedisPlace,
  type RunningService,
  hasNginx,
  startBroker,
  startProxy,
  startRedis,
} from './services.js';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-stack-'));
const secrets = join(folder, 'secrets');
let url = '';
let redisPlace: RedisPlace | undefined;
const brokers: RunningService[] = [];
const others: RunningService[] = [];

const node = (...args: readonly string[]): string =>
  execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();
const tokens = new Map<string, string>();
function tokenOf(name: string): string {
  const token = tokens.get(name) ?? node('deploy/workload-token.mjs', name, secrets);
  tokens.set(name, token);
  return token;
}

async function call(
  path: string,
  as: string,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenOf(as)}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const form = async (
  path: string,
  fields: Record<string, string>,
  as?: string,
): Promise<Record<string, unknown>> => {
  const headers = as === undefined ? {} : { authorization: `Bearer ${tokenOf(as)}` };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: new URLSearchParams(fields) });
  return (await answer.json()) as Record<string, unknown>;
};

const readiness = async (): Promise<number> => (await fetch(`${url}/readyz`)).status;

const exchange = (task: string): Promise<Record<string, unknown>> =>
  form('/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: tokenOf('agent-1'),
    task_id: task,
    audience: 'crm',
  });
const isActive = async (token: string): Promise<unknown> =>
  (await form('/introspect', { token }, 'crm-api'))['active'];
const opened = (id: string): Promise<{ status: number }> =>
  call('/v1/tasks', 'planner', {
    id,
    purpose: 'a first try',
    agents: ['try/agent-*'],
    tools: [{ tool: 'crm', actions: ['read'] }],
    ttl: '15m',
  });

(hasRedis && hasNginx ? describe : describe.skip)('two brokers on one Redis behind the proxy', () => {
  beforeAll(async () => {
    node('deploy/prepare.mjs', secrets);
    const [redisPort, proxyPort, ...brokerPorts] = await portsFor(4);
    url = `http://127.0.0.1:${proxyPort}`;
    redisPlace = { folder, port: redisPort!, passwordFile: join(secrets, 'redis-password') };
    others.push(await startRedis(redisPlace));
    for (const port of brokerPorts) {
      const place = { folder: join(folder, String(port)), port, redisPort: redisPort!, issuer: url, secrets };
      brokers.push(await startBroker(place));
    }
    const proxyFolder = mkdtempSync(join(tmpdir(), 'mayfly-stack-proxy-'));
    others.push(await startProxy({ folder: proxyFolder, port: proxyPort!, brokerPorts }));
  }, 30_000);

  afterAll(async () => {
    for (const service of [...brokers, ...others.toReversed()]) await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a credential lives until its task is completed, whichever broker is asked', async () => {
    expect((await opened('run-1')).status).toBe(201);
    const answers = await Promise.all([exchange('run-1'), exchange('run-1'), exchange('run-1')]);
    const credentials = answers.map((answer) => String(answer['access_token']));
    for (const token of credentials)
      expect([await isActive(token), await isActive(token)]).toEqual([true, true]);
    expect(await call('/v1/tasks/run-1/complete', 'planner', {})).toMatchObject({
      status: 200,
      body: { outcome: 'completed' },
    });
    for (const token of credentials)
      expect([await isActive(token), await isActive(token)]).toEqual([false, false]);
    expect(await exchange('run-1')).toHaveProperty('error');
  });

  test('the record has the address that the proxy saw, whatever the caller says of itself', async () => {
    const headers = {
      'x-forwarded-for': '203.0.113.66',
      'content-type': 'application/x-www-form-urlencoded',
    };
    const { status, headers: told } = await fetch(`${url}/token`, {
      method: 'POST',
      headers,
      body: 'grant_type=x',
    });
    const query = new URLSearchParams({ request: told.get('x-request-id') ?? '' });
    const authorization = `Bearer ${tokenOf('auditor')}`;
    const audit = await fetch(`${url}/v1/audit?${query.toString()}`, { headers: { authorization } });
    expect([status, await audit.json()]).toMatchObject([
      400,
      { events: [{ detail: { address: '127.0.0.1' } }] },
    ]);
  });

  test('goes on with one broker when the other is told to stop, and no caller notices', async () => {
    expect((await opened('run-2')).status).toBe(201);
    expect(await brokers[0]!.stop()).toEqual([0, null]);
    for (let count = 0; count < 4; count++) {
      const token = String((await exchange('run-2'))['access_token']);
      expect(await isActive(token)).toBe(true);
    }
  });

  test('is not ready while Redis is down, and is again when it is back, with all that it knew', async () => {
    const place = redisPlace!;
    const credential = String((await exchange('run-2'))['access_token']);
    const [redis] = others.splice(0, 1);
    await redis!.stop('SIGKILL');
    await until('it is not ready', async () => (await readiness()) === 503);
    others.unshift(await startRedis(place));
    await until('it is ready again', async () => (await readiness()) === 200);
    expect(await isActive(credential)).toBe(true);
    expect((await call('/v1/tasks/run-2/complete', 'planner', {})).status).toBe(200);
    expect(await isActive(credential)).toBe(false);
  });

  test('says nothing of its secrets', async () => {
    const password = execFileSync('cat', [join(secrets, 'redis-password')], { encoding: 'utf8' }).trim();
    const sealKey = execFileSync('cat', [join(secrets, 'seal-key')], { encoding: 'utf8' }).trim();
    for (const service of [...brokers, ...others]) {
      expect(service.log()).not.toContain(password);
      expect(service.log()).not.toContain(sealKey);
    }
  });
});

async function portsFor(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
