// Checks a receipt: that it is the broker's word on how a task ended, and on which task.
import { Refusal } from '../../domain/refusal.js';
import { SIGNATURE_ALGORITHMS } from '../../jws/algorithms.js';
import { parseCompact } from '../../jws/compact.js';
import { KeySet } from '../../jws/key-set.js';
import { verifySync } from '../../jws/signature.js';
import type { ReceiptClaims } from '../../wire/receipt.js';

const TYPE = 'mayfly-receipt+jwt';
/** Several times one with as many credentials as a broker lists. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface ReceiptTerms {
  /** What the broker calls itself. */
  readonly issuer: string;
  /** Its `/jwks/receipts`, as it answers now or as it was kept with the receipt. */
  readonly keys: { readonly keys: readonly object[] };
  /** The task that it must be about; absent: whichever. */
  readonly task?: string;
}

/** What it says; undefined for whatever is not exactly a receipt by one of these keys. Asks nobody. */
export function verifyReceipt(text: string, { issuer, keys, task }: ReceiptTerms): ReceiptClaims | undefined {
  const token = parseCompact(text, MOST_BYTES);
  if (token instanceof Refusal) return undefined;
  const { typ, alg, kid, crit } = token.header;
  const algorithm = SIGNATURE_ALGORITHMS.find((one) => one === alg);
  if (typ !== TYPE || crit !== undefined || typeof kid !== 'string' || !algorithm) return undefined;
  const key = new KeySet(keys.keys).find(kid, algorithm);
  if (!key || !verifySync(algorithm, key, token.signingInput, token.signature)) return undefined;
  const { iss, sub } = token.payload;
  if (iss !== issuer || (task !== undefined && sub !== task)) return undefined;
  return token.payload as unknown as ReceiptClaims;
}
