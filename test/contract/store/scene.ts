// One store on a stage: its clock, the records that go into it, and the little stories that most tests begin with.
import { AuditEntry } from '../../../src/audit/entry.js';
import type { AuditAction, AuditFacts } from '../../../src/audit/event.js';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId, PrincipalName, TaskId } from '../../../src/domain/ids.js';
import { parentOf, requestId } from '../../../src/domain/ids.js';
import type { ActiveLease, LeaseState, ReservedLease } from '../../../src/domain/lease.js';
import { Refusal } from '../../../src/domain/refusal.js';
import type { Revocation } from '../../../src/domain/revocation.js';
import type { Selector, SelectorKind } from '../../../src/domain/selector.js';
import type { Task } from '../../../src/domain/task.js';
import { ContextChanged } from '../../../src/domain/tree-context.js';
import type {
  ClaimedLease,
  Closing,
  KeyUse,
  Kill,
  LeaseRequest,
  NewTask,
  Settlement,
  SigningKeyRecord,
  Store,
} from '../../../src/store/store.js';
import type { StoreHarness, StoreTerms } from './harness.js';
import { SettableClock, TERMS } from './harness.js';

export const PLANNER = 'cluster/planner' as PrincipalName;
export const OPERATOR = 'cluster/operator' as PrincipalName;
export const AGENT = 'cluster/agent-1' as PrincipalName;
export const OTHER_AGENT = 'cluster/agent-2' as PrincipalName;
export const MINT_DEADLINE_MS = 30 * SECOND_MS;
/** No sweep of a test has more to do than this. */
export const PLENTY = 10_000;

export const taskId = (id: string): TaskId => id as TaskId;
export const select = (kind: SelectorKind, name = ''): Selector => ({ kind, name });
export const entry = (action: AuditAction = 'request', facts: Partial<AuditFacts> = {}): AuditEntry =>
  new AuditEntry(requestId(), action, facts);

export function newTask(id: string, overrides: Partial<NewTask> = {}): NewTask {
  const parent = parentOf(taskId(id));
  return {
    id: taskId(id),
    ...(parent !== undefined && { parent }),
    orchestrator: PLANNER,
    purpose: 'answer the letter',
    manifest: { agents: ['cluster/*'], tools: [{ tool: 'crm', actions: ['read'], resources: ['case/*'] }] },
    labels: { team: 'post' },
    bodyDigest: 'digest-of-the-body',
    ttlMs: 10 * MINUTE_MS,
    ...overrides,
  };
}

export const tokenRequest = (task: string, overrides: Partial<LeaseRequest> = {}): LeaseRequest => ({
  taskId: taskId(task),
  agent: AGENT,
  actors: [],
  trust: 'cluster',
  tool: 'crm',
  plane: 'data',
  kind: 'jwt',
  keyId: 'key-1',
  audience: 'https://crm.example',
  actions: ['read'],
  details: [{ type: 'mayfly_tool', actions: ['read'], resources: ['case/7'] }],
  policyDigest: 'digest-of-the-policies',
  ttlMs: 5 * MINUTE_MS,
  ...overrides,
});

export function externalRequest(
  task: string,
  overrides: Partial<LeaseRequest> = {},
): LeaseRequest & { mintDeadlineMs: number } {
  const { keyId: _, ...facts } = tokenRequest(task, { kind: 'postgres', tool: 'ledger', ...overrides });
  return { ...facts, mintDeadlineMs: MINT_DEADLINE_MS };
}

export const signingKey = (
  kid: string,
  activatesAt: number,
  use: KeyUse = 'credential',
): SigningKeyRecord => ({
  kid,
  use,
  algorithm: 'ES256',
  publicJwk: '{}',
  sealedPrivate: 'sealed',
  createdAt: 1,
  activatesAt,
});

/** The result of what must not have been refused. */
export function granted<T>(result: T | ContextChanged | Refusal): T {
  if (result instanceof ContextChanged) throw new Error(`to be decided again on ${result.context.version}`);
  if (result instanceof Refusal) throw new Error(`refused: ${result.reason} (${result.detail})`);
  return result;
}

export const reasonOf = (result: unknown): string =>
  result instanceof Refusal ? result.reason : 'not refused';

export class Scene {
  readonly clock = new SettableClock();
  readonly #harness: StoreHarness;
  store!: Store;

  private constructor(harness: StoreHarness) {
    this.#harness = harness;
  }

  static async open(harness: StoreHarness, terms: Partial<StoreTerms> = {}): Promise<Scene> {
    const scene = new Scene(harness);
    scene.store = await harness.open(scene.clock, { ...TERMS, ...terms });
    return scene;
  }

  /** Nobody else could have the store, so that a crash ends every loan. */
  get isAlone(): boolean {
    return this.#harness.beside === undefined;
  }

  async crash(): Promise<void> {
    this.store = await this.#harness.crash(this.store, this.clock);
  }

  /** The store as another broker has it: the same handle where there can be but one. */
  async beside(): Promise<Store> {
    return (await this.#harness.beside?.(this.store, this.clock)) ?? this.store;
  }

  async task(id: string, overrides: Partial<NewTask> = {}): Promise<Task> {
    return granted(await this.store.openTask(newTask(id, overrides), entry('task.open'))).task;
  }

  async issue(task: string, overrides: Partial<LeaseRequest> = {}): Promise<ActiveLease> {
    return granted(await this.store.issueLease(tokenRequest(task, overrides), entry('token.exchange')));
  }

  async reserve(task: string, overrides: Partial<LeaseRequest> = {}): Promise<ReservedLease> {
    return granted(await this.store.reserveLease(externalRequest(task, overrides), entry('token.exchange')));
  }

  async activate(id: LeaseId, sealedSecret?: string): Promise<ActiveLease> {
    const activation = sealedSecret === undefined ? {} : { sealedSecret };
    return granted(await this.store.activateLease(id, activation, entry('token.exchange')));
  }

  /** An external credential, minted and handed out. */
  async external(task: string, overrides: Partial<LeaseRequest> = {}): Promise<ActiveLease> {
    return this.activate((await this.reserve(task, overrides)).id);
  }

  async closeTask(id: string, closing: Partial<Closing> = {}): Promise<Task> {
    const whole: Closing = { outcome: 'completed', by: PLANNER, ...closing };
    return granted(await this.store.closeTask(taskId(id), whole, entry('task.complete')));
  }

  revoke(selector: Selector, kill: Partial<Kill> = {}): Promise<Revocation> {
    return this.store.revoke({ select: selector, by: OPERATOR, ...kill }, entry('revocation.create'));
  }

  async standing(id: LeaseId): Promise<LeaseState | undefined> {
    return (await this.store.readLease(id))?.state;
  }

  async taskState(id: string): Promise<string | undefined> {
    return (await this.store.readTask(taskId(id)))?.state;
  }

  /** Sweeps until nothing changes any more. */
  async sweep(): Promise<void> {
    for (let changed = 1; changed > 0;) ({ changed } = await this.store.sweep(PLENTY));
  }

  /** Sweeps, and borrows whatever is due to be killed at its target. */
  async due(windowMs = MINUTE_MS): Promise<ClaimedLease[]> {
    await this.sweep();
    return this.store.claimDue(PLENTY, windowMs);
  }

  settle({ lease, claim }: ClaimedLease, settlement: Settlement = { kind: 'confirmed' }): Promise<boolean> {
    return this.store.settle(lease.id, claim, settlement);
  }

  /** Every target says at once that it has let go. */
  async settleAll(): Promise<void> {
    for (let due = await this.due(); due.length > 0; due = await this.due()) {
      for (const claimed of due) await this.settle(claimed);
    }
  }
}
