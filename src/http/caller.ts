// Who calls a route that asks for that: the workload token in the Authorization header, its role, its proof where one is due.
import type { IncomingMessage } from 'node:http';
import type { AuditEntry } from '../audit/entry.js';
import type { ProvenKey, VerifiedPrincipal } from '../domain/principal.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { TraceContext } from '../domain/trace-context.js';
import type { Access } from './access.js';
import type { LimitedDoor } from './limited.js';
import { heldBack, overRate } from './limited.js';
import type { ProofDesk } from './proof.js';
import { bringsProof, prove, readProof } from './proof.js';

export interface Caller {
  readonly principal: VerifiedPrincipal;
  /** By a proof that came with the request. */
  readonly provenKey?: ProvenKey;
}

/** Where whoever calls is found out. */
export interface Door extends ProofDesk, LimitedDoor {
  readonly broker: ProofDesk['broker'] & LimitedDoor['broker'];
  /** By the trust in force now. */
  authenticate(
    token: string,
    trace?: TraceContext,
    forKill?: boolean,
  ): VerifiedPrincipal | Refusal | Promise<VerifiedPrincipal | Refusal>;
}

/** `give`: takes the nonce that the answer is to bring, whatever becomes of the request. */
export async function callerOf(
  door: Door,
  access: Access,
  request: IncomingMessage,
  entry: AuditEntry,
  give: (nonce: string) => void,
): Promise<Caller | Refusal> {
  const shown = shownToken(request) ?? (access.speaks === 'aws' ? bareToken(request) : undefined);
  if (!shown) return new Refusal('token_missing');
  const { token, withProof } = shown;
  const refused = access.kills ? undefined : heldBack(door, entry, token);
  if (refused) return refused;
  // With a plain token only a lease may ask for a proof, at its renewal: nothing else is held back by a bad one.
  const looksAtProof = withProof || (access.action === 'lease.renew' && bringsProof(request));
  const reading = looksAtProof ? readProof(door, request, withProof ? token : undefined) : undefined;
  if (reading?.nonce !== undefined) give(reading.nonce);
  if (reading?.proof instanceof Refusal) return reading.proof;

  const principal = await door.authenticate(token, entry.trace, access.kills);
  if (principal instanceof Refusal) return principal;
  entry.facts.principal = principal.name;
  if (!withProof && principal.confirmedKey !== undefined) {
    return new Refusal('proof_missing', 'a token that is bound to a key goes with Authorization: DPoP');
  }
  // Whoever has no role here may bear somebody else's name: nothing is counted by it, and nothing kept of a proof.
  const byRun = access.byRun === true && principal.run !== undefined;
  if (!byRun && !hasRole(principal, ...access.roles)) {
    return new Refusal('role_missing', `${principal.name} is none of: ${access.roles.join(', ')}`);
  }
  const over = access.kills ? undefined : overRate(door, principal);
  if (over) return over;
  if (!reading) return { principal };
  const provenKey = await prove(door, reading, principal, access.kills);
  if (provenKey instanceof Refusal) return provenKey;
  entry.learn({ proof: provenKey });
  return { principal, ...(provenKey !== undefined && { provenKey }) };
}

/** RFC 6750 §2.1, RFC 9449 §7.1. The scheme's name is case-insensitive (RFC 9110 §11.1). */
function shownToken({ headers }: IncomingMessage): { token: string; withProof: boolean } | undefined {
  const [, scheme, token] = /^(bearer|dpop) +([^\s]+)$/i.exec(headers.authorization ?? '') ?? [];
  return token === undefined ? undefined : { token, withProof: scheme!.toLowerCase() === 'dpop' };
}

/** SDKs of AWS send what they were given as it stands. */
function bareToken({ headers }: IncomingMessage): { token: string; withProof: false } | undefined {
  const { authorization: token = '' } = headers;
  return /^\S+$/.test(token) ? { token, withProof: false } : undefined;
}
