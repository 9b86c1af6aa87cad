// Tasks with many leases, put into a store before a broker opens it: through the store's port, as issuance does, but not by HTTP.
import { AuditEntry } from '../../src/audit/entry.js';
import { systemClock } from '../../src/domain/clock.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/duration.js';
import type { Claimed, Grant, Permit } from '../../src/domain/grant.js';
import { narrow } from '../../src/domain/grant.js';
import type { TaskId } from '../../src/domain/ids.js';
import { principalName, requestId } from '../../src/domain/ids.js';
import { Refusal } from '../../src/domain/refusal.js';
import { Secret } from '../../src/domain/secret.js';
import type { Tool } from '../../src/domain/tool.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { Seal } from '../../src/keys/seal.js';
import { JwtMinter } from '../../src/minters/jwt/jwt-minter.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import type { LeaseRequest, Store } from '../../src/store/store.js';
import type { BrokerPlace } from './broker.js';
import { TOOL, TRUST_NAME } from './broker.js';

export interface SeededTask {
  readonly id: string;
  readonly leases: number;
  /** Credentials of some of the leases: the first, the last, and others at random. */
  readonly credentials: readonly string[];
}

export interface Seeding {
  readonly sealKey: string;
  /** How many leases each task is to have. */
  readonly tasks: readonly number[];
  /** Of how many leases of each task a credential is wanted. */
  readonly sample: number;
}

const BATCH = 256;
const SKEW_MS = MINUTE_MS;

const tool: Tool = {
  ...TOOL,
  plane: 'data',
  sensitivity: 'confidential',
  maxTtlMs: HOUR_MS,
  renewable: false,
  credential: { kind: 'jwt' },
};
const agent = principalName(TRUST_NAME, 'agent-0');
const claimed: Claimed = { actions: ['read'] };
const permit: Permit = { policyDigest: 'seeded' };
const grant: Grant = narrow({ actions: [] }, claimed, tool, permit);

export async function seed(
  place: BrokerPlace,
  { sealKey, tasks, sample }: Seeding,
): Promise<readonly SeededTask[]> {
  const clock = systemClock();
  const store = openEmbeddedStore({
    path: place.database,
    clock,
    retention: { taskMs: DAY_MS, leaseMs: DAY_MS, auditMs: DAY_MS },
    clockSkewMs: SKEW_MS,
  });
  const keys = await KeyRing.open({
    store,
    seal: new Seal([new Secret(sealKey)]),
    clock,
    use: 'credential',
    algorithm: 'ES256',
    rotateEveryMs: 30 * DAY_MS,
    publishAheadMs: MINUTE_MS,
    clockSkewMs: SKEW_MS,
  });
  const minter = new JwtMinter(place.url, keys);
  const seeded: SeededTask[] = [];
  for (const [index, leases] of tasks.entries()) {
    const id = `run-${leases}-${index}` as TaskId;
    await openTask(store, id);
    const request: LeaseRequest = {
      taskId: id,
      agent,
      actors: [],
      trust: TRUST_NAME,
      tool: tool.name,
      plane: tool.plane,
      kind: 'jwt',
      keyId: minter.keyId(),
      audience: tool.audience,
      actions: claimed.actions,
      policyDigest: permit.policyDigest,
      ttlMs: grant.ttlMs,
    };
    const wanted = someOf(leases, sample);
    const credentials: string[] = [];
    for (let from = 0; from < leases; from += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, leases - from) }, (_, offset) => from + offset);
      await Promise.all(
        numbers.map(async (number) => {
          const lease = await store.issueLease(request, entryOf('token.exchange'));
          if (lease instanceof Refusal) throw new Error(`no lease for ${id}: ${lease.reason}`);
          if (wanted.has(number)) credentials.push(minter.mint(lease, grant, lease.issuedAt).secret.reveal());
        }),
      );
    }
    seeded.push({ id, leases, credentials });
  }
  await store.close();
  return seeded;
}

/** The first, the last, and as many more as are wanted, or all there are. */
function someOf(leases: number, sample: number): ReadonlySet<number> {
  const numbers = new Set([0, leases - 1]);
  while (numbers.size < Math.min(sample, leases)) numbers.add(Math.floor(Math.random() * leases));
  return numbers;
}

async function openTask(store: Store, id: TaskId): Promise<void> {
  const opened = await store.openTask(
    {
      id,
      orchestrator: principalName(TRUST_NAME, 'planner'),
      purpose: 'to be completed',
      manifest: { agents: [agent], tools: [{ tool: tool.name, actions: tool.actions }] },
      labels: {},
      bodyDigest: id,
      ttlMs: HOUR_MS,
    },
    entryOf('task.open'),
  );
  if (opened instanceof Refusal) throw new Error(`${id} was not opened: ${opened.reason}`);
}

const entryOf = (action: 'task.open' | 'token.exchange'): AuditEntry =>
  new AuditEntry(requestId(), action, { principal: agent, detail: {} });
