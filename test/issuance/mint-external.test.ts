// A credential at a target: its lease is on record before it exists, so that whatever goes wrong in between leaves none alive.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditEntry } from '../../src/audit/entry.js';
import type { Broker } from '../../src/broker.js';
import type { TaskId } from '../../src/domain/ids.js';
import { requestId } from '../../src/domain/ids.js';
import type { VerifiedPrincipal } from '../../src/domain/principal.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Tool } from '../../src/domain/tool.js';
import { Catalogue } from '../../src/domain/tool.js';
import type { IssuedCredential } from '../../src/issuance/issued.js';
import { issueCredential } from '../../src/issuance/issue-credential.js';
import { renewLease } from '../../src/issuance/renew.js';
import { cataloguePolicy } from '../../src/policy/catalogue-policy.js';
import { Sweeper } from '../../src/revocation/sweeper.js';
import { AGENT, select, Scene } from '../contract/store/scene.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { ExternalTarget, TARGET_KIND } from '../fixtures/external-target.js';
import { lanes } from '../fixtures/lanes.js';
import { noLimits } from '../fixtures/no-limits.js';
import { until } from '../fixtures/until.js';

const TOOL = {
  name: 'crm',
  plane: 'data',
  audience: 'https://crm.example',
  actions: ['read'],
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: true,
  credential: { kind: TARGET_KIND },
} as unknown as Tool;
const LEDGER: Tool = { ...TOOL, name: 'ledger', audience: 'https://ledger.example' };
const MANIFEST = {
  agents: ['cluster/*'],
  tools: ['crm', 'ledger'].map((tool) => ({ tool, actions: ['read'] })),
};
const agent = { name: AGENT, trust: 'cluster', roles: [{ role: 'agent' }] } as unknown as VerifiedPrincipal;

const LOST = new Refusal('lease_unknown', 'the store was restored');

const harness = embeddedHarness();
let scene: Scene;
let target: ExternalTarget;
let broker: Broker;
let sweeper: Sweeper;
let reported: string[] = [];

beforeEach(async () => {
  reported = [];
  scene = await Scene.open(harness);
  target = new ExternalTarget();
  const minters = new Map([[TARGET_KIND, target]]);
  const catalogue = new Catalogue([TOOL, LEDGER]);
  const rules = { catalogue, policy: cataloguePolicy(catalogue, 'digest'), runPrefixes: [] };
  const log = { error: () => {} };
  const targets = lanes(scene.clock);
  const { store, clock } = scene;
  sweeper = new Sweeper({ store, minters, targets, unseal: (text) => text, clock, log });
  broker = {
    issuer: 'https://broker.example',
    store: scene.store,
    clock: scene.clock,
    minters,
    targets,
    maxTaskTtlMs: 1e9,
    limits: noLimits(scene.store, scene.clock),
    rules: () => rules,
    wake: () => sweeper.wake(),
    report: (error: Error) => void reported.push(error.message),
  } as unknown as Broker;
  await scene.task('run', { manifest: MANIFEST });
});
afterEach(async () => {
  await sweeper.stop();
  await harness.close();
});

const issue = (
  entry = new AuditEntry(requestId(), 'token.exchange'),
  name = 'crm',
): Promise<IssuedCredential | Refusal> =>
  issueCredential(broker, agent, { taskId: 'run' as TaskId, target: { name }, actions: [] }, entry);
const granted = async (): Promise<IssuedCredential> => {
  const issued = await issue();
  if (issued instanceof Refusal) throw new Error(issued.reason);
  return issued;
};
const nothing = (): void => {};
const refused = async (): Promise<Refusal> => {
  const answer = await issue();
  if (!(answer instanceof Refusal)) throw new Error('it was issued');
  return answer;
};
/** To the agent, whatever went wrong at the target is the same; whoever runs the broker is told. */
const failed = async (why: string, entry?: AuditEntry): Promise<void> => {
  expect(await issue(entry)).toMatchObject({ reason: 'target_unavailable', retryAfterMs: 1000 });
  expect(reported.at(-1)).toMatch(why);
};
const onlyLease = async () => (await scene.store.listLeases({ task: 'run', limit: 2 }))[0]!;
const settled = (): Promise<unknown> =>
  until('the lease is accounted for', async () => ['revoked', 'expired'].includes((await onlyLease()).state));

test('is minted under its lease’s name, and handed out once it is active', async () => {
  target.beforeMint = async (lease) => expect(await scene.standing(lease.id)).toBe('reserved');
  const { lease, minted, revocation, expiresAt } = await granted();
  expect([...target.accounts]).toEqual([lease.id]);
  expect([lease.state, revocation, minted.tokenType, expiresAt]).toEqual([
    'active',
    'immediate',
    'N_A',
    lease.expiresAt,
  ]);
});

test('of a task that closed during the mint is refused, and killed at the target', async () => {
  target.afterMint = async () => void (await scene.closeTask('run'));
  expect(await issue()).toMatchObject({ reason: 'lease_ended' });
  await settled();
  expect(target.accounts.size).toBe(0);
  expect(await scene.taskState('run')).toBe('settled');
});

test.each([
  ['the agent', () => select('agent', AGENT)],
  ['the tool', () => select('tool', 'crm')],
  ['everything', () => select('all')],
])('of %s that was killed during the mint is refused, and killed at the target', async (_what, selector) => {
  target.afterMint = async () => void (await scene.revoke(selector()));
  expect(await issue()).toBeInstanceOf(Refusal);
  await settled();
  expect(target.accounts.size).toBe(0);
});

test('that hangs is abandoned at its deadline, killed, and killed once more when it can no longer come to be', async () => {
  target.mintDeadlineMs = 300;
  let come = nothing;
  target.beforeMint = () => new Promise((resolve) => (come = resolve));
  const entry = new AuditEntry(requestId(), 'token.exchange');
  await failed('no answer within 300 ms', entry);
  const [event] = await scene.store.auditEvents({ request: entry.requestId, limit: 1 });
  expect(event).toMatchObject({ outcome: 'failed', detail: { stage: 'mint_unknown' } });
  await until('it is killed once', () => target.attempts.length === 1);
  expect((await onlyLease()).state).toBe('revoking');
  // What had been stuck arrives after all.
  come();
  await until('it has come to be', () => target.accounts.size === 1);
  scene.clock.advance(target.mintDeadlineMs);
  sweeper.wake();
  await settled();
  expect([target.accounts.size, target.attempts.length]).toEqual([0, 2]);
});

describe('at a target that fails again and again', () => {
  const FAILURES = 5;
  async function failAgainAndAgain(): Promise<void> {
    target.beforeMint = () => Promise.reject(new Error('connection refused'));
    for (let n = 0; n < FAILURES; n++) await failed('connection refused');
  }

  test('is refused at once, with when to come again, and asks nothing of the target', async () => {
    await failAgainAndAgain();
    let asked = 0;
    target.beforeMint = () => Promise.resolve(void asked++);
    expect(await refused()).toMatchObject({ reason: 'target_unavailable', retryAfterMs: 1000 });
    expect([asked, (await scene.store.listLeases({ limit: 99 })).length]).toEqual([0, FAILURES]);
  });

  test('is minted by one who tries when the pause is over, and then by all', async () => {
    await failAgainAndAgain();
    scene.clock.advance(1000);
    let come = nothing;
    target.beforeMint = () => new Promise((resolve) => (come = resolve));
    const tries = issue();
    expect(await refused()).toMatchObject({ reason: 'target_unavailable' });
    target.beforeMint = () => Promise.resolve();
    await until(
      'the first one tries',
      async () => (await scene.store.countLive({ agent: AGENT }, 9, 99)).count === 1,
    );
    come();
    expect(await tries).not.toBeInstanceOf(Refusal);
    await granted();
    await granted();
  });

  test('waits longer after each try that fails', async () => {
    await failAgainAndAgain();
    for (const pauseMs of [1000, 2000]) {
      scene.clock.advance(pauseMs / 2 - 1);
      expect(await refused()).toMatchObject({ reason: 'target_unavailable' });
      scene.clock.advance(pauseMs / 2 + 1);
      await failed('connection refused');
    }
  });

  test('is refused there alone: another tool’s goes on', async () => {
    await failAgainAndAgain();
    target.beforeMint = () => Promise.resolve();
    expect(await refused()).toMatchObject({ reason: 'target_unavailable' });
    expect(await issue(undefined, 'ledger')).not.toBeInstanceOf(Refusal);
  });

  test('is still killed there: mints that fail hold back no kill', async () => {
    const { lease } = await granted();
    await failAgainAndAgain();
    await scene.closeTask('run');
    sweeper.wake();
    await until('it is revoked', async () => (await scene.standing(lease.id)) === 'revoked');
  });

  test('is refused, too, while kills fail there', async () => {
    for (let n = 0; n < FAILURES; n++) await granted();
    target.beforeKill = () => Promise.reject(new Error('connection refused'));
    await scene.revoke(select('tool', 'crm'));
    sweeper.wake();
    await until('they have failed', () => target.attempts.length === FAILURES);
    await until('it is refused', async () => (await issue()) instanceof Refusal);
    expect(await refused()).toMatchObject({ reason: 'target_unavailable' });
  });
});

describe('whose mint failed', () => {
  test('is killed at once, and once more when it can no longer come to be', async () => {
    // The target did what it was asked for, and the answer was lost.
    target.afterMint = () => Promise.reject(new Error('connection reset'));
    await failed('connection reset');
    await until('it is killed once', () => target.attempts.length === 1 && target.accounts.size === 0);
    const lease = await onlyLease();
    expect(lease.state).toBe('revoking');

    // Late, as a request that was stuck on its way.
    target.accounts.add(lease.id);
    scene.clock.advance(target.mintDeadlineMs - 1);
    sweeper.wake();
    expect((await onlyLease()).state).toBe('revoking');
    scene.clock.advance(1);
    sweeper.wake();
    await settled();
    expect([target.accounts.size, target.attempts.length]).toEqual([0, 2]);
  });

  test('is on record as failed', async () => {
    target.beforeMint = () => Promise.reject(new Error('no such role'));
    const entry = new AuditEntry(requestId(), 'token.exchange');
    await failed('no such role', entry);
    const events = await scene.store.auditEvents({ request: entry.requestId, limit: 10 });
    expect(events.map(({ outcome, detail }) => [outcome, detail['stage']])).toEqual([
      ['failed', 'mint_unknown'],
      ['permitted', 'reserved'],
    ]);
  });
});

test('whose broker died during the mint is found by its lease, and killed', async () => {
  let come = nothing;
  target.afterMint = () => new Promise((resolve) => (come = resolve));
  const late = issue();
  await until('it was minted', () => target.accounts.size === 1);
  scene.clock.advance(target.mintDeadlineMs);
  sweeper.wake();
  await settled();
  expect(target.accounts.size).toBe(0);
  come();
  expect(await late).toMatchObject({ reason: 'lease_ended' });
});

test('whose reservation the store has lost is killed by whoever minted it', async () => {
  broker = { ...broker, store: { ...scene.store, activateLease: () => Promise.resolve(LOST) } };
  expect(await issue()).toMatchObject({ reason: 'lease_unknown' });
  expect([target.accounts.size, target.attempts.length]).toEqual([0, 1]);
});

test('is not renewed: what is at the target would keep its own end', async () => {
  const { lease } = await granted();
  const entry = new AuditEntry(requestId(), 'lease.renew');
  expect(await renewLease(broker, agent, lease.id, {}, entry)).toMatchObject({ reason: 'not_renewable' });
});
