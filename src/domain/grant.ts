// A grant: what one request was permitted, after every bound was applied.
import type { Manifest } from './task.js';
import { manifestTool, resourcesWithin } from './task.js';
import type { CredentialKind, Tool } from './tool.js';
import { Refusal } from './refusal.js';

/** RFC 9396 details of our one type. */
export interface AuthorizationDetail {
  readonly type: typeof AUTHORIZATION_DETAIL_TYPE;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}
export const AUTHORIZATION_DETAIL_TYPE = 'mayfly_tool';

/** What an agent asks of one tool, before any bound. */
export interface Asked {
  /** Empty: whatever the manifest has. */
  readonly actions: readonly string[];
  /** Absent: whatever the manifest has. */
  readonly details?: readonly {
    readonly actions?: readonly string[] | undefined;
    readonly resources: readonly string[];
  }[];
  readonly ttlMs?: number;
  /** The only kind that whoever asks has a use for. */
  readonly kind?: CredentialKind;
}

declare const granted: unique symbol;

/** Made by `narrow` and nowhere else; a minter acts on nothing less. */
export interface Grant {
  readonly [granted]: true;
  readonly tool: Tool;
  readonly actions: readonly string[];
  /** Absent: no bound on resources. */
  readonly details?: readonly AuthorizationDetail[];
  /** The longest that the credential may live; the task's deadline is applied by the store's transition. */
  readonly ttlMs: number;
  readonly policyDigest: string;
  /** Accepted once, through introspection alone. */
  readonly singleUse?: true;
}

/** What the policy said, as far as it bounds a grant. */
export interface Permit {
  readonly policyDigest: string;
  readonly maxTtlMs?: number;
  readonly singleUse?: true;
}

/** What is asked, checked against the manifest alone: actions and resources made explicit. */
export interface Claimed {
  readonly actions: readonly string[];
  readonly details?: readonly AuthorizationDetail[];
}

/** Asked ∩ catalogue ∩ manifest (invariant 4): nothing is silently dropped, an excess is refused. */
export function claim(asked: Asked, tool: Tool, manifest: Manifest): Claimed | Refusal {
  const entry = manifestTool(manifest, tool.name);
  if (!entry) return new Refusal('tool_not_in_manifest', `tool ${tool.name}`);
  // Only now: of a tool that the task does not have, nobody is told what it is.
  if (asked.kind !== undefined && asked.kind !== tool.credential.kind)
    return new Refusal(
      'token_kind_unsupported',
      `Credentials of ${tool.name} are of kind ${tool.credential.kind}, not ${asked.kind}.`,
    );
  const allowed = [...new Set(entry.actions)].filter((action) => tool.actions.includes(action));
  const actions = asked.actions.length > 0 ? [...new Set(asked.actions)] : allowed;
  const excess = actions.find((action) => !allowed.includes(action));
  if (excess !== undefined) return new Refusal('action_not_granted', `action ${excess} of ${tool.name}`);
  if (actions.length === 0)
    return new Refusal('action_not_granted', `${tool.name} has none of the manifest's actions`);

  if (!asked.details) {
    return entry.resources
      ? { actions, details: [{ type: AUTHORIZATION_DETAIL_TYPE, actions, resources: entry.resources }] }
      : { actions };
  }
  const details: AuthorizationDetail[] = [];
  for (const detail of asked.details) {
    const detailActions = detail.actions ?? actions;
    const beyond = detailActions.find((action) => !actions.includes(action));
    if (beyond !== undefined)
      return new Refusal('resource_not_granted', `action ${beyond} is not in the scope`);
    if (!resourcesWithin(detail.resources, entry.resources)) {
      return new Refusal('resource_not_granted', `resources ${detail.resources.join(' ')}`);
    }
    details.push({ type: AUTHORIZATION_DETAIL_TYPE, actions: detailActions, resources: detail.resources });
  }
  // An action in the scope that no detail names would look as if it had no bound on resources.
  const loose = actions.find((action) => !details.some((detail) => detail.actions.includes(action)));
  return loose === undefined
    ? { actions, details }
    : new Refusal('resource_not_granted', `action ${loose} is in the scope, and no detail says on what`);
}

/** TTL = min(asked, tool, policy); the task's deadline follows in the store, against its own clock (invariant 4). */
export function narrow(asked: Asked, claimed: Claimed, tool: Tool, permit: Permit): Grant {
  const ttlMs = Math.min(asked.ttlMs ?? Infinity, tool.maxTtlMs, permit.maxTtlMs ?? Infinity);
  return {
    tool,
    actions: claimed.actions,
    ...(claimed.details && { details: claimed.details }),
    ttlMs,
    policyDigest: permit.policyDigest,
    ...(permit.singleUse && { singleUse: true }),
  } as unknown as Grant;
}
