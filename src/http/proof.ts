// The DPoP proof of a request (RFC 9449): what came, whether it proves the key that the token asks for, and the next nonce.
import type { IncomingMessage } from 'node:http';
import type { ProvenKey, VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Proofs, Reading } from '../identity/dpop/proofs.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Answer } from './answer.js';

/** What is needed of the edge. */
export interface ProofDesk {
  readonly proofs: Proofs;
  readonly metrics: Pick<Metrics, 'count'>;
  readonly broker: { readonly issuer: string };
}

export const bringsProof = ({ headers }: IncomingMessage): boolean => headers['dpop'] !== undefined;

/** `token`: the access token that it came with. */
export function readProof({ proofs, broker }: ProofDesk, request: IncomingMessage, token?: string): Reading {
  return proofs.read({
    // Node joins headers of one name: here each is seen by itself.
    headers: request.headersDistinct['dpop'] ?? [],
    method: request.method ?? '',
    uri: broker.issuer + pathOf(request.url ?? ''),
    ...(token !== undefined && { token }),
  });
}

/** A request line may hold a whole URI (RFC 9112 §3.2.2). What has no path of its own must not lengthen our host's name. */
function pathOf(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : url.split('?', 1)[0]!;
  return path.startsWith('/') ? path : `/${path}`;
}

/** A token that is bound to a key is worth nothing to whoever has only the token (§7). */
export async function prove(
  { proofs, metrics }: Pick<ProofDesk, 'proofs' | 'metrics'>,
  reading: Reading | undefined,
  { confirmedKey }: Pick<VerifiedPrincipal, 'confirmedKey'>,
  forKill = false,
): Promise<ProvenKey | undefined | Refusal> {
  if (!reading) {
    return confirmedKey === undefined
      ? undefined
      : new Refusal('proof_missing', 'the workload token is bound to a key');
  }
  const { proof } = reading;
  if (proof instanceof Refusal) return proof;
  if (confirmedKey !== undefined && confirmedKey !== proof.key.thumbprint)
    return new Refusal('proof_key_mismatch', 'the workload token is bound to another key');
  const proven = await proofs.prove(proof, forKill);
  // What was refused is counted by its reason, where every refusal is.
  if (!(proven instanceof Refusal)) metrics.count('dpop_proofs_total', 'accepted');
  return proven;
}

/** §8.2: the next nonce comes with whatever is answered. */
export const withNonce = (answer: Answer, nonce: string | undefined): Answer =>
  nonce === undefined ? answer : { ...answer, headers: { ...answer.headers, 'dpop-nonce': nonce } };
