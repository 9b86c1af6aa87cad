// What is asked of one tool, however it was written down: a form at the token endpoint, or a member of a list.
import type { TaskId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import type { CredentialAsked } from '../issuance/issue-credential.js';

interface Written {
  /** The tool's name. */
  readonly audience?: string | undefined;
  /** Its audience. */
  readonly resource?: string | undefined;
  readonly scope?: string | undefined;
  readonly details?: CredentialAsked['details'] | undefined;
  /** Seconds. */
  readonly expiry?: number | undefined;
}

export function credentialAsked(
  taskId: TaskId,
  { audience, resource, scope, details, expiry }: Written,
): CredentialAsked | Refusal {
  const actions = scope?.split(' ').filter((action) => action !== '') ?? [];
  // To ask for nothing is not to leave the scope out, which asks for all.
  if (scope !== undefined && actions.length === 0)
    return new Refusal('action_not_granted', 'The scope is empty.');
  return {
    taskId,
    target: {
      ...(audience !== undefined && { name: audience }),
      ...(resource !== undefined && { audience: resource }),
    },
    actions,
    ...(details && { details }),
    ...(expiry !== undefined && { ttlMs: expiry * 1000 }),
  };
}
