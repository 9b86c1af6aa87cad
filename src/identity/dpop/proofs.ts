// Proofs of possession (RFC 9449): from what anybody may send to a key that was proven, once, for this very request.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../domain/clock.js';
import { sha256 } from '../../domain/digest.js';
import { MINUTE_MS } from '../../domain/duration.js';
import type { ProvenKey } from '../../domain/principal.js';
import { Refusal } from '../../domain/refusal.js';
import { verifySync } from '../../jws/signature.js';
import type { ReplayStore } from '../../store/store.js';
import { KeyCache } from '../../jws/dpop/key-cache.js';
import type { Nonces } from './nonces.js';
import type { ProofTerms, ReadProof, ShownProof } from '../../jws/dpop/proof.js';
import { readProof } from '../../jws/dpop/proof.js';
import { importKey } from '../../jws/dpop/proof-key.js';

const MOST_CACHED_KEYS = 4_096;
/** The store's clock may be ahead of ours: a used proof stays on record for longer than we would take it. */
const REPLAY_MARGIN_MS = MINUTE_MS;

export interface ProofsOptions {
  readonly terms: ProofTerms & { readonly nonces: 'optional' | 'required' };
  readonly nonces: Nonces;
  readonly clock: Clock;
  readonly store: ReplayStore;
}

/** A proof before its signature is believed, and the nonce that the answer is to bring, whatever becomes of it. */
export interface Reading {
  readonly proof: ReadProof | Refusal;
  readonly nonce?: string;
}

export class Proofs {
  readonly #options: ProofsOptions;
  readonly #keys = new KeyCache(MOST_CACHED_KEYS);

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /** Everything that can be said without a signature and without the store: before the caller is known. */
  read(shown: ShownProof): Reading {
    const { terms, nonces, clock } = this.#options;
    const now = clock.now();
    const proof = readProof(shown, terms, now);
    if (proof instanceof Refusal) return { proof };
    const { nonce, key } = proof;
    if (nonce === undefined && terms.nonces === 'optional') return { proof };
    const standing = nonce === undefined ? 'bad' : nonces.standing(nonce, key.thumbprint, now);
    if (standing === 'good') return { proof };
    const next = nonces.next(key.thumbprint, now);
    if (standing === 'ageing') return { proof, nonce: next };
    const reason = nonce === undefined ? 'proof_nonce_missing' : 'proof_nonce_invalid';
    return { proof: new Refusal(reason), nonce: next };
  }

  /**
   * The key, whose possession is proven by this: the signature is good, and nobody has shown the proof before, here or
   * at another broker. For a caller who is known already, so that nobody else fills the store.
   *
   * @param forKill nothing holds back a kill: see `ReplayStore.once`.
   * @throws StoreUnavailable where that cannot be recorded.
   */
  async prove(proof: ReadProof, forKill = false): Promise<ProvenKey | Refusal> {
    const { key, id, goodUntil } = proof;
    const known = this.#keys.get(key.thumbprint);
    // The thumbprint says the kind and the curve, and so does the algorithm: a known key fits any proof of its name.
    const imported = known ?? importKey(key);
    if (imported instanceof Refusal) return imported;
    if (!isSigned(proof, imported)) return new Refusal('proof_signature_invalid', `with ${key.algorithm}`);
    if (!known) this.#keys.put(key.thumbprint, imported);
    // By the key, too: nobody can use up another's names. Not by the text, which ECDSA lets be written in two ways.
    const name = sha256(`dpop\n${key.thumbprint}\n${id}`);
    const first = await this.#options.store.once(name, goodUntil + REPLAY_MARGIN_MS, forKill);
    if (!first) return new Refusal('proof_replayed', `jti ${sha256(id)}`);
    return key.thumbprint as ProvenKey;
  }
}

const isSigned = ({ key, signed }: ReadProof, imported: KeyObject): boolean =>
  verifySync(key.algorithm, imported, signed.signingInput, signed.signature);
