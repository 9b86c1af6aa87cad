// examples/python: an agent that knows nothing of Node, against a real broker and a real tool.
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../fixtures/until.js';
import { type Running, Scene, hasProgram } from './scene.js';

const AGENT = resolve('examples/python/agent.py');
let scene: Scene;
let tasks = 0;

async function agent(variables: Readonly<Record<string, string>>): Promise<Running & { task: string }> {
  const task = `python-${++tasks}`;
  expect((await scene.broker.openTask({ id: task })).status).toBe(201);
  const running = scene.run('python3', [AGENT], {
    MAYFLY_URL: scene.broker.url,
    MAYFLY_TOKEN_FILE: scene.tokenFile(),
    MAYFLY_TASK: task,
    TOOL_URL: scene.crm.url,
    ...variables,
  });
  return { ...running, task };
}

(hasProgram('python3') ? describe : describe.skip)('the agent in Python', () => {
  beforeAll(async () => {
    scene = await Scene.start();
  });
  afterAll(() => scene.stop());

  test('does its work with one credential, and gives it back', async () => {
    const { task, ended } = await agent({ TIMES: '2', PAUSE_SECONDS: '0' });
    expect(await ended).toEqual({ exit: 0, out: '1: Ada Lovelace\n2: Ada Lovelace\n', err: '' });
    const leases = await scene.leases(task);
    expect(leases.map(({ state, ended: end }) => [state, end?.cause])).toEqual([['revoked', 'lease']]);
  });

  test('works for longer than a credential lives: it renews it', async () => {
    const { task, ended } = await agent({ TIMES: '24', PAUSE_SECONDS: '0.25', CREDENTIAL_SECONDS: '4' });
    const { exit, out } = await ended;
    expect([exit, out.trim().split('\n').length]).toEqual([0, 24]);
    expect(await scene.leases(task)).toHaveLength(1);
    const events = await scene.broker.audit({ task });
    expect(events.filter(({ action }) => action === 'lease.renew').length).toBeGreaterThanOrEqual(2);
  });

  test('asks for another one where it has thought for longer than a credential lives', async () => {
    const { task, ended } = await agent({ TIMES: '2', PAUSE_SECONDS: '2.5', CREDENTIAL_SECONDS: '2' });
    expect(await ended).toEqual({ exit: 0, out: '1: Ada Lovelace\n2: Ada Lovelace\n', err: '' });
    expect((await scene.leases(task)).map(({ state }) => state)).toEqual(['revoked', 'expired']);
  });

  test('stops when its task is over', async () => {
    const { task, ended, said } = await agent({ TIMES: '1000', PAUSE_SECONDS: '0.05' });
    await until('it works', () => said().includes('2: Ada'));
    await scene.broker.complete(task);
    const { exit, err } = await ended;
    expect([exit, err]).toEqual([1, expect.stringMatching(/refused, 401: the credential is not accepted/)]);
  });

  test('says why it gets no credential, with the request id, and never its token', async () => {
    const { ended } = await agent({ TOOL: 'no-such-tool' });
    const { exit, out, err } = await ended;
    expect([exit, out]).toEqual([1, '']);
    expect(err).toMatch(/^refused, 400: The task or the tool is unknown.*\(req_\w+\)\n$/);
    expect(err).not.toContain('eyJ');
  });
});
