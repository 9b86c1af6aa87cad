// Places of a task and of an agent at once: what the one refuses costs the other nothing, and no end counts twice.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PrincipalName } from '../../src/domain/ids.js';
import type { ActiveLease } from '../../src/domain/lease.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Task } from '../../src/domain/task.js';
import { Limits } from '../../src/limits/limits.js';
import type { StoreHarness } from '../contract/store/harness.js';
import { AGENT, OTHER_AGENT, Scene } from '../contract/store/scene.js';
import { embeddedHarness } from '../store/embedded-harness.js';

const THIRD_AGENT = 'cluster/agent-3' as PrincipalName;
const TIMES = 10;

let harness: StoreHarness;
let scene: Scene;
beforeEach(async () => {
  harness = embeddedHarness();
  scene = await Scene.open(harness);
});
afterEach(() => harness.close());

const limitsOf = (liveLeasesPerTask: number, liveLeasesPerAgent: number): Limits =>
  new Limits({
    settings: {
      liveLeasesPerTask,
      liveLeasesPerAgent,
      recordedRefusals: { perSecond: 1e9, burst: 1e9 },
      summaryEveryMs: 1000,
    },
    store: scene.store,
    clock: scene.clock,
    log: { warn: () => {}, error: () => {} },
    alone: true,
  });

/** As an issuance does: the lease, or which limit there is no place by. */
async function issue(limits: Limits, task: Task, agent: PrincipalName): Promise<ActiveLease | string> {
  const place = await limits.placeForLease(task, agent);
  if (place instanceof Refusal) return place.detail!;
  const lease = await scene.issue(task.id, { agent });
  place.taken(lease.expiresAt - lease.issuedAt);
  return lease;
}

async function outcomes(limits: Limits, task: Task, agent: PrincipalName, times: number): Promise<string[]> {
  const all: string[] = [];
  for (let n = 0; n < times; n++) {
    const issued = await issue(limits, task, agent);
    all.push(typeof issued === 'string' ? issued : 'issued');
  }
  return all;
}
const all = (outcome: string, times: number): string[] => Array<string>(times).fill(outcome);

describe('a place', () => {
  test('of a task is not used up by an agent that may hold no more', async () => {
    const limits = limitsOf(3, 2);
    const [busy, shared] = [await scene.task('busy'), await scene.task('shared')];
    expect(await outcomes(limits, busy, AGENT, 2)).toEqual(all('issued', 2));
    expect(await outcomes(limits, shared, AGENT, TIMES)).toEqual(all('live_leases_per_agent', TIMES));
    expect(await outcomes(limits, shared, OTHER_AGENT, 2)).toEqual(all('issued', 2));
    expect(await outcomes(limits, shared, THIRD_AGENT, 2)).toEqual(['issued', 'live_leases_per_task']);
  });

  test('of an agent is not used up by a task that may hold no more', async () => {
    const limits = limitsOf(2, 2);
    const [full, free] = [await scene.task('full'), await scene.task('free')];
    expect(await outcomes(limits, full, OTHER_AGENT, 2)).toEqual(all('issued', 2));
    expect(await outcomes(limits, full, AGENT, TIMES)).toEqual(all('live_leases_per_task', TIMES));
    expect(await outcomes(limits, free, AGENT, 2)).toEqual(all('issued', 2));
  });

  test('is left once by a lease whose end is told many times', async () => {
    const limits = limitsOf(3, 3);
    const task = await scene.task('run');
    const leases: ActiveLease[] = [];
    for (let n = 0; n < 3; n++) leases.push((await issue(limits, task, AGENT)) as ActiveLease);
    await scene.revoke({ kind: 'lease', name: leases[0]!.id });
    for (let n = 0; n < TIMES; n++) limits.leaseReleased(leases[0]!);
    expect(await outcomes(limits, task, AGENT, 2)).toEqual(['issued', 'live_leases_per_task']);
  });
});
