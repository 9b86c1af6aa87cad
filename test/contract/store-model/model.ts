// What a store is supposed to do, said as plainly as possible: every record in a map, every rule a loop over all of them.
import { outcomeForChild } from '../../../src/domain/task.js';
import type { Outcome } from '../../../src/domain/task.js';
import type { Lease, LeaseState } from '../../../src/domain/lease.js';
import type { Selector } from '../../../src/domain/selector.js';
import type { Holding, TreeContext } from '../../../src/domain/tree-context.js';
import type { LeaseRequest } from '../../../src/store/store.js';

export interface ModelTask {
  readonly id: string;
  readonly openedAt: number;
  deadline: number;
  closed?: { readonly at: number; readonly outcome: Outcome };
  /** Once it is, it stays so, whatever is tried again of it. */
  settled?: boolean;
}

export interface ModelLease {
  readonly id: string;
  readonly taskId: string;
  readonly agent: string;
  readonly actors: readonly string[];
  readonly tool: string;
  readonly trust: string;
  readonly keyId: string | undefined;
  readonly external: boolean;
  readonly issuedAt: number;
  expiresAt: number;
  activated: boolean;
  /** Until then the mint may still come to be; gone once it is known to be over. */
  mintDeadline?: number;
  /** Set by a kill that found it alive, or by a mint that nobody came back from. Running out needs no record. */
  ended?: { readonly at: number; readonly cause: string };
  /** How it was settled, and when. */
  settled?: { readonly state: LeaseState; readonly at: number };
  /** Not to be claimed before. */
  dueAt: number;
  claim?: string;
  /** When it was lent out last. */
  lentAt?: number;
}

export const inTree = (root: string, id: string): boolean => id === root || id.startsWith(`${root}.`);

function named({ kind, name }: Selector, lease: ModelLease): boolean {
  if (kind === 'all') return true;
  if (kind === 'task') return inTree(name, lease.taskId);
  if (kind === 'agent') return [lease.agent, ...lease.actors].includes(name);
  return { lease: lease.id, tool: lease.tool, trust: lease.trust, key: lease.keyId }[kind] === name;
}

const bindingOf = ({
  taskId,
  agent,
  instance,
  bindsInstance,
}: Pick<LeaseRequest, 'taskId' | 'agent' | 'instance' | 'bindsInstance'>): string =>
  [taskId.split('.')[0], bindsInstance === 'of_tree' ? '' : agent, instance!.split(':')[0]].join(' ');

export class StoreModel {
  readonly tasks = new Map<string, ModelTask>();
  readonly leases = new Map<string, ModelLease>();
  readonly quarantined = new Set<string>();
  readonly revokedKeys = new Set<string>();
  readonly #contexts = new Map<string, TreeContext>();
  /** Roots that somebody has to review; of one that is closed there is nothing to review. */
  readonly dueReviews = new Set<string>();
  /** Of a tree, an agent and a kind of instance: the first that got a lease. */
  readonly #bound = new Map<string, string>();
  readonly leaseRetentionMs: number;
  /** The store's time as last seen. */
  now = 0;

  constructor(leaseRetentionMs: number) {
    this.leaseRetentionMs = leaseRetentionMs;
  }

  endOf(lease: ModelLease, now = this.now): { at: number; cause: string } | undefined {
    return lease.ended ?? (now >= lease.expiresAt ? { at: lease.expiresAt, cause: 'ttl' } : undefined);
  }

  standing(lease: ModelLease, now = this.now): LeaseState {
    if (lease.settled) return lease.settled.state;
    const ended = this.endOf(lease, now);
    if (!ended) return lease.activated ? 'active' : 'reserved';
    if (lease.external) return 'revoking';
    return ended.cause === 'ttl' ? 'expired' : 'revoked';
  }

  isAlive(lease: ModelLease, now = this.now): boolean {
    return !lease.settled && !this.endOf(lease, now);
  }

  alive(selector: Selector, now = this.now): ModelLease[] {
    return [...this.leases.values()].filter((lease) => named(selector, lease) && this.isAlive(lease, now));
  }

  tree(root: string): ModelTask[] {
    return [...this.tasks.values()].filter(({ id }) => inTree(root, id));
  }

  isOpen(id: string): boolean {
    const task = this.tasks.get(id);
    return task !== undefined && !task.closed && this.now < task.deadline;
  }

  isSettled(task: ModelTask): boolean {
    const outstanding = (lease: ModelLease): boolean =>
      lease.external && !lease.settled && inTree(task.id, lease.taskId);
    task.settled ||= task.closed !== undefined && ![...this.leases.values()].some(outstanding);
    return task.settled;
  }

  /** Why the store has to refuse such a lease now, if it has to. */
  refusalOf(
    request: Pick<
      LeaseRequest,
      'taskId' | 'agent' | 'actors' | 'keyId' | 'ttlMs' | 'instance' | 'bindsInstance'
    >,
  ): string | undefined {
    const task = this.tasks.get(request.taskId);
    if (!task) return 'task_unknown';
    if (!this.isOpen(task.id)) return 'task_closed';
    if ([request.agent, ...request.actors].some((agent) => this.quarantined.has(agent)))
      return 'agent_quarantined';
    if (request.keyId !== undefined && this.revokedKeys.has(request.keyId)) return 'key_revoked';
    const end = Math.min(this.now + request.ttlMs, task.deadline);
    if (end - (end % 1000) <= this.now) return 'task_ending';
    const bound = request.bindsInstance ? this.#bound.get(bindingOf(request)) : undefined;
    return bound !== undefined && bound !== request.instance ? 'instance_mismatch' : undefined;
  }

  /** A lease was given out on this request. */
  bind(request: LeaseRequest): void {
    if (request.bindsInstance && !this.#bound.has(bindingOf(request)))
      this.#bound.set(bindingOf(request), request.instance!);
  }

  contextOf(root: string): TreeContext {
    return this.#contexts.get(root) ?? { version: 0, signals: [], held: [], refusals: 0 };
  }

  #change(root: string, { version, ...rest }: TreeContext): void {
    this.#contexts.set(root, { version: version + 1, ...rest });
  }

  hold(root: string, holding: Holding): void {
    const context = this.contextOf(root);
    if (context.held.includes(holding)) return;
    if (context.held.length > 0) this.dueReviews.add(root);
    this.#change(root, { ...context, held: [...context.held, holding] });
  }

  signal(root: string, type: string): void {
    const context = this.contextOf(root);
    if (context.signals.includes(type)) return;
    this.dueReviews.add(root);
    this.#change(root, { ...context, signals: [...context.signals, type] });
  }

  refuse(root: string): void {
    const context = this.contextOf(root);
    this.#change(root, { ...context, refusals: context.refusals + 1 });
  }

  add(lease: Lease, mintDeadlineMs?: number): void {
    this.leases.set(lease.id, {
      id: lease.id,
      taskId: lease.taskId,
      agent: lease.agent,
      actors: lease.actors,
      tool: lease.tool,
      trust: lease.trust,
      keyId: lease.keyId,
      external: lease.kind !== 'jwt',
      issuedAt: lease.issuedAt,
      expiresAt: lease.expiresAt,
      activated: lease.state === 'active',
      dueAt: 0,
      ...(mintDeadlineMs !== undefined && { mintDeadline: lease.issuedAt + mintDeadlineMs }),
    });
  }

  /** Ends what is alive among what is named. Gives how many that were. */
  kill(selector: Selector, at: number): { tokens: number; external: number } {
    const killed = this.alive(selector, at);
    for (const lease of killed) lease.ended = { at, cause: selector.kind };
    const external = killed.filter((lease) => lease.external).length;
    return { tokens: killed.length - external, external };
  }

  close(root: string, at: number, outcome: Outcome): { tokens: number; external: number } {
    const killed = this.kill({ kind: 'task', name: root }, at);
    for (const task of this.tree(root)) {
      if (task.closed) continue;
      const below = task.id === root ? outcome : outcomeForChild(outcome);
      task.closed = task.deadline <= at ? { at: task.deadline, outcome: 'expired' } : { at, outcome: below };
    }
    return killed;
  }

  /** What time alone has done by now. */
  sweep(): void {
    for (const task of this.tasks.values()) {
      if (!task.closed && task.deadline <= this.now) task.closed = { at: task.deadline, outcome: 'expired' };
    }
    for (const lease of this.leases.values()) {
      const lost = !lease.activated && lease.mintDeadline !== undefined && lease.mintDeadline <= this.now;
      if (lost && this.isAlive(lease)) lease.ended = { at: this.now, cause: 'mint_unknown' };
    }
  }

  /** What a sweeper would get now. */
  due(): ModelLease[] {
    return [...this.leases.values()].filter(
      (lease) => this.standing(lease) === 'revoking' && lease.dueAt <= this.now,
    );
  }

  confirm(lease: ModelLease): void {
    delete lease.claim;
    // A mint that came after the kill had begun is not killed by it, whenever that was confirmed.
    if (lease.mintDeadline !== undefined && lease.lentAt! < lease.mintDeadline)
      lease.dueAt = Math.max(lease.mintDeadline, this.now);
    else {
      const state = this.endOf(lease)!.cause === 'ttl' ? 'expired' : 'revoked';
      lease.settled = { state, at: this.now };
    }
  }

  /** Whether the store may have let the record go. */
  mayBePurged(lease: ModelLease): boolean {
    const before = this.now - this.leaseRetentionMs;
    if (lease.expiresAt > before) return false;
    return (
      !lease.external ||
      (lease.settled !== undefined && lease.settled.state !== 'irrevocable' && lease.settled.at <= before)
    );
  }
}
