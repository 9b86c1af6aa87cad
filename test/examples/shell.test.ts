// examples/shell: an agent as a script, which mayfly exec gives its credential.
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Scene, hasProgram } from './scene.js';

let scene: Scene;

(hasProgram('curl') ? describe : describe.skip)('the agent as a shell script', () => {
  beforeAll(async () => {
    scene = await Scene.start();
  });
  afterAll(() => scene.stop());

  test('does its work, gives the credential back, and leaves nothing behind', async () => {
    await scene.broker.openTask({ id: 'shell-1' });
    const { ended } = scene.run(resolve('examples/shell/agent.sh'), ['42', '43'], {
      MAYFLY_URL: scene.broker.url,
      MAYFLY_TOKEN_FILE: scene.tokenFile(),
      MAYFLY_TASK: 'shell-1',
      TOOL_URL: scene.crm.url,
    });
    const { exit, out, err } = await ended;
    expect([exit, err]).toEqual([0, '']);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { name: string }).name),
    ).toEqual(['Ada Lovelace', 'Grace Hopper']);
    const [lease, ...others] = await scene.leases('shell-1');
    expect([lease?.scope, lease?.state, others]).toEqual(['read', 'revoked', []]);
  });

  test('ends with what went wrong, and not with what came before', async () => {
    await scene.broker.openTask({ id: 'shell-2' });
    const { ended } = scene.run(resolve('examples/shell/agent.sh'), ['42', 'nobody', '43'], {
      MAYFLY_URL: scene.broker.url,
      MAYFLY_TOKEN_FILE: scene.tokenFile(),
      MAYFLY_TASK: 'shell-2',
      TOOL_URL: scene.crm.url,
    });
    const { exit, out } = await ended;
    expect(exit).not.toBe(0);
    expect(out).not.toContain('Grace');
    expect((await scene.leases('shell-2')).map(({ state }) => state)).toEqual(['revoked']);
  });
});
