// Whether a credential that was checked permits one action, and on what.
import { anyMatches } from '../../domain/glob.js';
import type { VerifiedCredential } from './credential.js';
import { type CredentialRefused, refusedFor } from './refused.js';

/**
 * Undefined where it does. Whoever verified with `action: null` asks this before anything is done, and to choose what to
 * show: a list of what the bearer may call.
 */
export function permits(
  { actions, details }: Pick<VerifiedCredential, 'actions' | 'details'>,
  action: string,
  resource?: string,
): CredentialRefused | undefined {
  if (!actions.includes(action)) return refusedFor('ERR_ACTION', { action });
  if (!details) return undefined;
  const onIt = details.filter((detail) => detail.actions.includes(action));
  if (resource === undefined) return refusedFor('ERR_RESOURCE_UNNAMED', { action });
  const named = onIt.some(({ resources }) => anyMatches(resources, resource));
  return named ? undefined : refusedFor('ERR_RESOURCE', { action });
}
