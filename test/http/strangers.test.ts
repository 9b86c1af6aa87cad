// Strangers whom an issuer of the whole world vouches for: what they ask takes nothing from those whose names they bear.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { GENEROUS } from '../fixtures/broker-configuration.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import { Github, OWNER_ID, type Claims } from '../fixtures/github.js';

const TRUST = {
  name: 'github',
  kind: 'github',
  audience: 'mayfly',
  jwks_file: './github.jwks.json',
  roles: { agent: { repository_owner_id: Number(OWNER_ID) } },
  runs: { task_prefix: 'gh-', tools: [{ tool: 'crm', actions: ['read'] }] },
};
const LIMITS = {
  ...GENEROUS,
  requests_per_principal: { per_second: 0.01, burst: 5 },
  recorded_refusals: { per_second: 0.01, burst: 3 },
};
/** Who registered the name of an organisation that gave it up: every name is ours, and no number. */
const SQUATTER: Claims = { repository_owner_id: '666', repository_id: '6660' };
const OWN_TASK = 'gh-6660-9001-1';
const TIMES = 30;

let github: Github;
let broker: TestBroker;
beforeEach(async () => {
  github = await Github.of(systemClock());
  broker = await TestBroker.start();
  writeFileSync(join(broker.folder, 'github.jwks.json'), JSON.stringify(github.jwks));
  broker.configure({ trust: [Workloads.trust('./workloads.jwks.json'), TRUST], limits: LIMITS });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
});
afterEach(() => broker.stop());

const exchange = (claims: Claims, task: string): Promise<Reply<Credential>> =>
  broker.call('POST', '/token', {
    form: {
      grant_type: TOKEN_EXCHANGE,
      subject_token: github.token(claims),
      subject_token_type: TOKEN_TYPE.jwt,
      audience: 'crm',
      task_id: task,
    },
  });
const call = (method: 'GET' | 'POST', path: string, more: object = {}) =>
  broker.call(method, path, { bearer: github.token(SQUATTER), ...more });

test.each<[string, () => Promise<{ status: number }>]>([
  ['an exchange', () => exchange(SQUATTER, OWN_TASK)],
  [
    'the end of its own run, which has no task',
    () => call('POST', `/v1/tasks/${OWN_TASK}/complete`, { json: {} }),
  ],
  ['the end of what is not its own', () => call('POST', '/v1/tasks/other/complete', { json: {} })],
  ['a revocation', () => call('POST', '/revoke', { form: { token: 'x' } })],
  ['a look at the tools', () => call('GET', '/v1/tools')],
])('%s is refused, written down in summary, and charged to nobody else', async (_, ask) => {
  for (let n = 0; n < TIMES; n++) expect([400, 401, 403]).toContain((await ask()).status);
  const honest = await exchange({}, 'gh-74-9001-1');
  expect(honest.status).toBe(200);
  const recorded = (await broker.audit({})).filter(
    ({ outcome, action }) => outcome === 'refused' && action !== 'request.limited',
  );
  expect(recorded.length).toBeLessThanOrEqual(4);
});
