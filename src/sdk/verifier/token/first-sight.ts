// A credential seen for the first time: its form, its type, its signature, its claims.
import { selectorDigest, selectorsOf } from '../../../domain/feed.js';
import { Refusal } from '../../../domain/refusal.js';
import type { Selector } from '../../../domain/selector.js';
import type { Selectable } from '../../../domain/revocation.js';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../../jws/algorithms.js';
import { type CompactToken, parseBehindHeader, parseCompact } from '../../../jws/compact.js';
import { verifySync } from '../../../jws/signature.js';
import type { KeyObject } from 'node:crypto';
import type { Keys } from '../keys.js';
import type { CredentialRefusedCode } from '../refused.js';
import { readClaims } from './claims.js';
import type { Known } from './known.js';

const CREDENTIAL_TYPE = 'at+jwt';
/** Good once, through introspection alone: a verifier that knew no better would refuse it for its type. */
const SINGLE_USE_TYPE = 'mayfly-single-use+jwt';
const MOST_OTHERS = 5000;

export interface FirstSightTerms {
  readonly issuer: string;
  readonly keys: Keys;
}

/** Credentials by one key share one header; whoever has none of our keys gets nothing remembered. */
const MOST_HEADERS = 64;

interface Header {
  readonly algorithm: SignatureAlgorithm;
  readonly kid: string;
  readonly singleUse: boolean;
}

type Outcome = Known | CredentialRefusedCode;

export class FirstSight {
  readonly #terms: FirstSightTerms;
  /** The digests of all but the lease: a task's credentials for one tool have them in common. */
  #others = new Map<string, readonly string[]>();
  readonly #headers = new Map<string, Header>();

  constructor(terms: FirstSightTerms) {
    this.#terms = terms;
  }

  /** At once, unless its key has to be fetched. */
  look(text: string): Outcome | Promise<Outcome> {
    const dot = text.indexOf('.');
    const known = this.#headers.get(text.slice(0, dot));
    const token = known ? parseBehindHeader(text, dot) : parseCompact(text);
    if (token instanceof Refusal) return 'ERR_TOKEN_MALFORMED';
    const header = known ?? headerIn((token as CompactToken).header);
    if (typeof header === 'string') return header;
    const key = this.#terms.keys.find(header.kid, header.algorithm);
    if (key instanceof Promise) return key.then((fetched) => this.#checked(token, header, fetched));
    const outcome = this.#checked(token, header, key);
    if (!known && typeof outcome !== 'string' && this.#headers.size < MOST_HEADERS)
      this.#headers.set(text.slice(0, dot), header);
    return outcome;
  }

  #checked(token: Omit<CompactToken, 'header'>, header: Header, key: KeyObject | undefined): Outcome {
    if (!key) return 'ERR_KEY_UNKNOWN';
    if (!verifySync(header.algorithm, key, token.signingInput, token.signature)) return 'ERR_SIGNATURE';
    const read = readClaims(token.payload, this.#terms.issuer);
    if (typeof read === 'string') return read;
    // The type and the claim say the same (invariant of the minter): one of them alone is nobody's doing.
    if ((token.payload['single_use'] === true) !== header.singleUse) return 'ERR_TYPE';
    const { credential, selectable, audience, notBefore } = read;
    return {
      credential,
      audience,
      notBefore,
      keysAt: this.#terms.keys.generation,
      singleUse: header.singleUse,
      issuedAt: selectable.issuedAt,
      digests: this.#digestsOf({ ...selectable, keyId: header.kid }),
      aliveAt: -1,
    };
  }

  #digestsOf(selectable: Omit<Selectable, 'issuedAt'>): readonly string[] {
    const { issuer } = this.#terms;
    const { id, taskId, tool, trust, agent, actors, keyId } = selectable;
    const digestsOf = (selectors: readonly Selector[]): string[] =>
      selectors.map((selector) => selectorDigest(issuer, selector));
    if (actors.length > 0) return digestsOf(selectorsOf(selectable));
    // Only the agent's name may hold a line end, and it comes last: no two that differ have one key.
    const key = `${taskId}\n${tool}\n${trust}\n${keyId}\n${agent}`;
    let others = this.#others.get(key);
    if (!others) {
      others = digestsOf(selectorsOf(selectable).filter(({ kind }) => kind !== 'lease'));
      if (this.#others.size >= MOST_OTHERS) this.#others = new Map();
      this.#others.set(key, others);
    }
    return [selectorDigest(issuer, { kind: 'lease', name: id }), ...others];
  }
}

function headerIn({
  typ,
  alg,
  kid,
  crit,
}: Readonly<Record<string, unknown>>): Header | CredentialRefusedCode {
  if (typ !== CREDENTIAL_TYPE && typ !== SINGLE_USE_TYPE) return 'ERR_TYPE';
  if (crit !== undefined) return 'ERR_TOKEN_MALFORMED';
  const algorithm = SIGNATURE_ALGORITHMS.find((one) => one === alg);
  if (!algorithm) return 'ERR_ALGORITHM';
  if (typeof kid !== 'string') return 'ERR_KEY_UNKNOWN';
  return { algorithm, kid, singleUse: typ === SINGLE_USE_TYPE };
}
