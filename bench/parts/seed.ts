// Tasks with many leases, put into a store through its port, as issuance does, but not by HTTP.
import { AuditEntry } from '../../src/audit/entry.js';
import { systemClock } from '../../src/domain/clock.js';
import { sha256 } from '../../src/domain/digest.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/duration.js';
import type { AuthorizationDetail, Claimed, Grant, Permit } from '../../src/domain/grant.js';
import { AUTHORIZATION_DETAIL_TYPE, narrow } from '../../src/domain/grant.js';
import type { PrincipalName, TaskId } from '../../src/domain/ids.js';
import { principalName, requestId } from '../../src/domain/ids.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { ActiveLease } from '../../src/domain/lease.js';
import { Secret } from '../../src/domain/secret.js';
import type { Tool } from '../../src/domain/tool.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { Seal } from '../../src/keys/seal.js';
import { JwtMinter } from '../../src/minters/jwt/jwt-minter.js';
import type { LeaseRequest, Store } from '../../src/store/store.js';
import { TOOL, TRUST_NAME } from './broker.js';
import { CLOCK_SKEW_MS } from './store.js';

/** So many transitions are under way at a time. */
const BATCH = 256;

const tool: Tool = {
  ...TOOL,
  plane: 'data',
  sensitivity: 'confidential',
  maxTtlMs: HOUR_MS,
  renewable: false,
  credential: { kind: 'jwt' },
};
const details: readonly AuthorizationDetail[] = [
  { type: AUTHORIZATION_DETAIL_TYPE, actions: TOOL.actions, resources: ['accounts/eu/*'] },
];
const claimed: Claimed = { actions: TOOL.actions, details };
const permit: Permit = { policyDigest: sha256('the policies') };
const grant: Grant = narrow({ actions: [] }, claimed, tool, permit);

export interface Wanted {
  readonly taskId: TaskId;
  readonly agent: PrincipalName;
  readonly ttlMs: number;
}

export class Seeder {
  readonly #store: Store;
  readonly #minter: JwtMinter;

  private constructor(store: Store, minter: JwtMinter) {
    this.#store = store;
    this.#minter = minter;
  }

  static async open(store: Store, issuer: string, sealKey: string): Promise<Seeder> {
    const keys = await KeyRing.open({
      store,
      seal: new Seal([new Secret(sealKey)]),
      clock: systemClock(),
      use: 'credential',
      algorithm: 'ES256',
      rotateEveryMs: 30 * DAY_MS,
      publishAheadMs: MINUTE_MS,
      clockSkewMs: CLOCK_SKEW_MS,
    });
    return new Seeder(store, new JwtMinter(issuer, keys));
  }

  async openTask(id: string, ttlMs = DAY_MS): Promise<TaskId> {
    const opened = await this.#store.openTask(
      {
        id: id as TaskId,
        orchestrator: principalName(TRUST_NAME, 'planner'),
        purpose: 'to be completed',
        manifest: {
          agents: [`${TRUST_NAME}/agent-*`],
          tools: [{ tool: tool.name, actions: tool.actions, resources: ['accounts/*'] }],
        },
        labels: {},
        bodyDigest: sha256(id),
        ttlMs,
      },
      entryOf('task.open', {}),
    );
    if (opened instanceof Refusal) throw new Error(`${id} was not opened: ${opened.reason}`);
    return opened.task.id;
  }

  async openTasks(ids: readonly string[]): Promise<readonly TaskId[]> {
    return inBatches(ids.length, (index) => this.openTask(ids[index]!));
  }

  async issue({ taskId, agent, ttlMs }: Wanted): Promise<ActiveLease> {
    const request: LeaseRequest = {
      taskId,
      agent,
      actors: [],
      trust: TRUST_NAME,
      tool: tool.name,
      plane: tool.plane,
      kind: 'jwt',
      keyId: this.#minter.keyId(),
      audience: tool.audience,
      actions: claimed.actions,
      details,
      policyDigest: permit.policyDigest,
      ttlMs,
    };
    const learnt = {
      token: sha256(`${agent}'s workload token`),
      actions: claimed.actions,
      details,
      policy: permit.policyDigest,
      determining: ['catalogue'],
    };
    const entry = entryOf('token.exchange', { principal: agent, taskId, tool: tool.name, detail: learnt });
    const lease = await this.#store.issueLease(request, entry);
    if (!('id' in lease)) throw new Error(`no lease for ${taskId}`, { cause: lease });
    return lease;
  }

  async issueMany(
    count: number,
    wanted: (index: number) => Wanted,
    issued?: (lease: ActiveLease, index: number) => void,
  ): Promise<void> {
    await inBatches(count, async (index) => {
      const lease = await this.issue(wanted(index));
      issued?.(lease, index);
    });
  }

  credential(lease: ActiveLease): string {
    const minted = this.#minter.mint(lease, grant, lease.issuedAt);
    if (minted instanceof Refusal) throw new Error(`no credential for ${lease.id}: ${minted.reason}`);
    return minted.secret.reveal();
  }
}

/** As many at a time as a busy broker has under way. */
async function inBatches<Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  const results = Array.from<Result>({ length: count });
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(BATCH, count) }, one));
  return results;
}

const entryOf = (
  action: 'task.open' | 'token.exchange',
  facts: ConstructorParameters<typeof AuditEntry>[2],
): AuditEntry => new AuditEntry(requestId(), action, facts);
