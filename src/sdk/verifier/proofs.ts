// Proofs of keys that come with bound credentials (RFC 9449 §7): for this request, by this key, and each of them once.
import type { KeyObject } from 'node:crypto';
import { Refusal } from '../../domain/refusal.js';
import { KeyCache } from '../../jws/dpop/key-cache.js';
import { type ProofTerms, readProof } from '../../jws/dpop/proof.js';
import { importKey, type ProofKey } from '../../jws/dpop/proof-key.js';
import { verifySync } from '../../jws/signature.js';
import type { ShownRequest } from './options.js';
import type { CredentialRefusedCode } from './refused.js';

const TERMS: ProofTerms = { maxAgeMs: 60_000, clockToleranceMs: 30_000 };
/** From the first moment at which a proof is taken to the last. */
const WINDOW_MS = TERMS.maxAgeMs + 2 * TERMS.clockToleranceMs;
/** In one window. */
const MOST_REMEMBERED = 200_000;
const MOST_KEYS = 4096;

export class ShownProofs {
  readonly #keys = new KeyCache(MOST_KEYS);
  readonly #full: () => void;
  #recent = new Set<string>();
  #earlier = new Set<string>();
  #turnAt = -Infinity;

  /** @param full told when no more are taken */
  constructor(full: () => void) {
    this.#full = full;
  }

  /**
   * Undefined where the bearer has the key.
   *
   * @param now the store's time
   * @param elapsed milliseconds that passed, for how long a proof is remembered: no jump of the time shortens it
   */
  flaw(
    token: string,
    jkt: string,
    request: ShownRequest | undefined,
    now: number,
    elapsed: number,
  ): CredentialRefusedCode | undefined {
    if (!request || request.proofs.length === 0 || request.scheme === 'Bearer') return 'ERR_PROOF_MISSING';
    const { method, url, proofs } = request;
    const proof = readProof({ headers: proofs, method, uri: url, token }, TERMS, now);
    if (proof instanceof Refusal || proof.key.thumbprint !== jkt) return 'ERR_PROOF_INVALID';
    const key = this.#keyOf(proof.key);
    const { signingInput, signature } = proof.signed;
    if (!key || !verifySync(proof.key.algorithm, key, signingInput, signature)) return 'ERR_PROOF_INVALID';
    return this.#first(`${jkt}.${proof.id}`, elapsed);
  }

  #keyOf(proofKey: ProofKey): KeyObject | undefined {
    const known = this.#keys.get(proofKey.thumbprint);
    if (known) return known;
    const key = importKey(proofKey);
    if (key instanceof Refusal) return undefined;
    this.#keys.put(proofKey.thumbprint, key);
    return key;
  }

  /** §11.1. Each is on record for a window at least. */
  #first(name: string, elapsed: number): CredentialRefusedCode | undefined {
    if (elapsed >= this.#turnAt) {
      this.#earlier = elapsed < this.#turnAt + WINDOW_MS ? this.#recent : new Set();
      this.#recent = new Set();
      this.#turnAt = elapsed + WINDOW_MS;
    }
    if (this.#recent.has(name) || this.#earlier.has(name)) return 'ERR_PROOF_REPLAYED';
    if (this.#recent.size >= MOST_REMEMBERED) {
      this.#full();
      return 'ERR_PROOF_INVALID';
    }
    this.#recent.add(name);
    return undefined;
  }
}
