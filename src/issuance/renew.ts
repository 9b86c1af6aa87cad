// Renews a lease: as fresh a decision as the first one, for the same task, tool, actions and resources, never more.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker, Rules } from '../broker.js';
import type { Grant } from '../domain/grant.js';
import type { LeaseId } from '../domain/ids.js';
import { rootOf } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import type { ProvenKey, VerifiedPrincipal } from '../domain/principal.js';
import { expiryOf } from '../domain/lease.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Tool } from '../domain/tool.js';
import { ContextChanged, widensHeld } from '../domain/tree-context.js';
import type { SigningMinter } from '../minters/minter.js';
import { onPresentContext } from '../tasks/circumstances.js';
import { reviewTree } from '../tasks/review-tree.js';
import { sameInstance } from './binding.js';
import { basisOf, counted, decide } from './decide.js';
import { admittedTask } from './issue-credential.js';
import type { Basis, IssuedCredential } from './issued.js';
import { isIssued } from './issued.js';

/** Opt-in per tool. The credential is a new one, the lease stays: killing it kills both. */
export async function renewLease(
  broker: Broker,
  agent: VerifiedPrincipal,
  id: LeaseId,
  asked: { readonly ttlMs?: number; readonly provenKey?: ProvenKey },
  entry: AuditEntry,
): Promise<IssuedCredential | Refusal> {
  entry.facts.leaseId = id;
  const lease = await broker.store.readLease(id);
  if (!lease) return new Refusal('lease_unknown', `no lease ${id}`);
  entry.facts.taskId = lease.taskId;
  entry.facts.tool = lease.tool;
  if (lease.agent !== agent.name) return new Refusal('lease_not_yours', `it belongs to ${lease.agent}`);
  if (!hasRole(agent, 'agent')) return new Refusal('role_missing', `${agent.name} is no agent any more`);

  const { provenKey, ...wanted } = asked;
  // Whoever stole the workload token has not got the key: it renews nothing (RFC 9449 §5).
  if (lease.jkt !== undefined && provenKey !== lease.jkt) {
    return provenKey === undefined
      ? new Refusal('proof_missing', 'the lease is bound to a key')
      : new Refusal('proof_key_mismatch', 'the lease is bound to another key');
  }
  const other = lease.instance === undefined ? undefined : sameInstance(lease.instance, agent, provenKey);
  if (other) return other;

  // Whose credential is good once, gets another one by asking for another one.
  if (lease.singleUse) return new Refusal('not_renewable', 'its credential is for single use');

  const task = await admittedTask(broker, agent, lease.taskId);
  if (task instanceof Refusal) return task;
  const again = { ...wanted, actions: lease.actions, ...(lease.details && { details: lease.details }) };
  return onPresentContext(broker, task.id, async (present, rules) => {
    const renewable = renewableTool(broker, rules, lease);
    if (renewable instanceof Refusal) return renewable;
    const { tool, minter } = renewable;
    const subject = { agent, task, tool, asked: again, jkt: lease.jkt };
    const grant = decide(broker, rules, 'renew', subject, present, entry);
    if (grant instanceof Refusal) return counted(grant, rules, task.id, entry);
    if (grant.singleUse) return new Refusal('not_renewable', 'policy permits it for single use only');
    const basis = basisOf(rules, subject, present, entry);
    const issued = await renewed(broker, minter, lease, { grant, ...(basis && { basis }) }, entry);
    // Its tool may have become more sensitive since: the tree then holds what it did not.
    if (isIssued(issued) && basis && widensHeld(present.context, basis.holding))
      await reviewTree(broker, rootOf(task.id), entry);
    return issued;
  });
}

/** The tool, if it is still the one that the lease is for and allows it, and what signs for it. */
function renewableTool(
  { minters }: Broker,
  { catalogue }: Rules,
  lease: Lease,
): { readonly tool: Tool; readonly minter: SigningMinter } | Refusal {
  const tool = catalogue.byName(lease.tool);
  const same =
    tool?.audience === lease.audience && tool.plane === lease.plane && tool.credential.kind === lease.kind;
  if (!tool || !same)
    return new Refusal('target_unknown', `${lease.tool} has left the catalogue, or is another one now`);
  const minter = minters.get(tool.credential.kind);
  if (!tool.renewable || !minter || minter.external)
    return new Refusal('not_renewable', `${tool.name} does not allow it`);
  return { tool, minter };
}

async function renewed(
  broker: Broker,
  minter: SigningMinter,
  lease: Lease,
  { grant, basis }: { readonly grant: Grant; readonly basis?: Basis },
  entry: AuditEntry,
): Promise<IssuedCredential | ContextChanged | Refusal> {
  const { ttlMs, policyDigest } = grant;
  const decided = basis && { decidedOn: basis, basis: basis.kept };
  const renewal = { agent: lease.agent, ttlMs, policyDigest, ...decided };
  let keyId = minter.keyId();
  let held = await broker.store.renewLease(lease.id, { ...renewal, keyId }, entry);
  if (held instanceof Refusal && held.reason === 'key_revoked') {
    await broker.keys.drop(keyId);
    keyId = minter.keyId();
    held = await broker.store.renewLease(lease.id, { ...renewal, keyId }, entry);
  }
  if (held instanceof Refusal || held instanceof ContextChanged) return held;
  broker.limits.leaseRenewed(lease, grant.ttlMs);
  // The lease keeps the later of its ends; this credential gets no more time than was permitted now (invariant 4).
  const now = await broker.store.now();
  const expiresAt = expiryOf(now, grant.ttlMs, held.expiresAt);
  if (expiresAt === undefined) return new Refusal('lease_ended', 'its time ran out while it was renewed');
  const minted = minter.mint({ ...held, expiresAt }, grant, now);
  if (minted instanceof Refusal) return minted;
  return { lease: held, minted, revocation: minter.class, expiresAt };
}
