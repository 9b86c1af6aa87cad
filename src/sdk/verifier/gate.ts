// Whether one credential opens one call, by all that is known at this moment: the whole story, in the order of its checks.
import { sha256 } from '../../domain/digest.js';
import { tooLarge } from '../../jws/compact.js';
import type { VerifiedCredential } from './credential.js';
import type { Knowledge } from './feed/knowledge.js';
import type { Introspection } from './introspection.js';
import type { Keys } from './keys.js';
import type { ProtectedTool, Want } from './options.js';
import { permits } from './permits.js';
import type { ShownProofs } from './proofs.js';
import type { CredentialRefusedCode } from './refused.js';
import type { FirstSight } from './token/first-sight.js';
import type { Known, KnownTokens } from './token/known.js';

export interface GateTerms {
  readonly knowledge: Knowledge;
  readonly keys: Keys;
  readonly firstSight: FirstSight;
  readonly known: KnownTokens;
  readonly proofs: ShownProofs;
  readonly introspection: Introspection;
  readonly elapsed: () => number;
  readonly maxStalenessMs: number;
  readonly whenStale: 'refuse' | 'introspect';
}

/** What was found out before it was refused. */
export interface Denied {
  readonly denied: CredentialRefusedCode;
  /** Its signature was good. */
  readonly credential?: VerifiedCredential;
  readonly tokenDigest?: string;
}

export type Verdict = VerifiedCredential | Denied;

const KNOWN_OF = new WeakMap<VerifiedCredential, Known>();

export class Gate {
  readonly #terms: GateTerms;

  constructor(terms: GateTerms) {
    this.#terms = terms;
  }

  /** At once, unless a key has to be fetched or the broker to be asked. */
  judge(token: string | undefined, want: Want, tool: ProtectedTool): Verdict | Promise<Verdict> {
    if (token === undefined || token === '') return { denied: 'ERR_TOKEN_MISSING' };
    if (typeof token !== 'string' || tooLarge(token)) return { denied: 'ERR_TOKEN_MALFORMED' };
    const { known: tokens, keys, firstSight } = this.#terms;
    const tokenDigest = sha256(token);
    const known = tokens.get(tokenDigest);
    if (known?.keysAt === keys.generation) return this.#admit(token, known, want, tool);
    const looked = firstSight.look(token);
    const goOn = (seen: Known | CredentialRefusedCode): Verdict | Promise<Verdict> => {
      if (typeof seen === 'string') return { denied: seen, tokenDigest };
      tokens.put(tokenDigest, seen);
      KNOWN_OF.set(seen.credential, seen);
      return this.#admit(token, seen, want, tool);
    };
    return looked instanceof Promise ? looked.then(goOn) : goOn(looked);
  }

  /** Why a credential that was let through would not be any more, whatever it is wanted for. */
  death(credential: VerifiedCredential): 'ERR_REVOKED' | 'ERR_EXPIRED' | undefined {
    const known = KNOWN_OF.get(credential);
    // Not one of ours: nobody knows whether it is alive.
    if (!known || !this.#isAlive(known)) return 'ERR_REVOKED';
    const { knowledge } = this.#terms;
    return knowledge.ready && knowledge.time.now() >= credential.expiresAt ? 'ERR_EXPIRED' : undefined;
  }

  #admit(token: string, known: Known, want: Want, tool: ProtectedTool): Verdict | Promise<Verdict> {
    const { credential } = known;
    const { knowledge, maxStalenessMs, whenStale } = this.#terms;
    const now = knowledge.time.now();
    const flaw =
      (knowledge.ready ? outOfTime(known, now) : undefined) ??
      forAnother(known, want, tool) ??
      (this.#isAlive(known) ? undefined : 'ERR_REVOKED');
    if (flaw) return { denied: flaw, credential };
    const isFresh = knowledge.stalenessAt(now) <= maxStalenessMs;
    const asks = known.singleUse || (!isFresh && whenStale === 'introspect');
    if (!isFresh && !asks) return { denied: 'ERR_STALE', credential };
    const unproven = this.#unproven(token, known, want, now);
    if (unproven) return { denied: unproven, credential };
    return asks ? this.#ask(token, known) : credential;
  }

  #isAlive(known: Known): boolean {
    const { union } = this.#terms.knowledge;
    if (known.aliveAt === union.generation) return true;
    if (union.kills(known.digests, known.issuedAt)) return false;
    known.aliveAt = union.generation;
    return true;
  }

  #unproven(
    token: string,
    { credential: { jkt } }: Known,
    { request }: Want,
    now: number,
  ): CredentialRefusedCode | undefined {
    // RFC 9449 §7.1: shown as bound, and bound to nothing: whoever holds it could be anybody.
    if (jkt === undefined) return request?.scheme === 'DPoP' ? 'ERR_PROOF_INVALID' : undefined;
    const { proofs, knowledge, elapsed } = this.#terms;
    // Nobody has told the time yet, by which proofs are judged.
    if (!knowledge.ready) return 'ERR_STALE';
    return proofs.flaw(token, jkt, request, now, elapsed());
  }

  async #ask(token: string, known: Known): Promise<Verdict> {
    const { credential } = known;
    const flaw = await this.#terms.introspection.flaw(token, known);
    if (flaw) return { denied: flaw, credential };
    // Killed while the answer was on its way.
    if (!this.#isAlive(known)) return { denied: 'ERR_REVOKED', credential };
    const confirmed = Object.freeze({ ...credential, confirmedBy: 'introspection' as const });
    KNOWN_OF.set(confirmed, known);
    return confirmed;
  }
}

/** By the store's time, which may be less: what is nearly over is refused a moment early, and nothing is late. */
function outOfTime(
  { credential: { expiresAt }, notBefore }: Known,
  now: number,
): CredentialRefusedCode | undefined {
  if (now >= expiresAt) return 'ERR_EXPIRED';
  return now < notBefore ? 'ERR_NOT_YET_VALID' : undefined;
}

function forAnother(
  { audience, credential }: Known,
  want: Want,
  tool: ProtectedTool,
): CredentialRefusedCode | undefined {
  if (audience !== tool.audience) return 'ERR_AUDIENCE';
  if (credential.tool !== want.tool) return 'ERR_TOOL';
  if (credential.plane !== tool.plane) return 'ERR_PLANE';
  return want.action === null ? undefined : permits(credential, want.action, want.resource)?.code;
}
