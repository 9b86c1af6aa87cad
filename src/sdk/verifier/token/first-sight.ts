// A credential seen for the first time: its form, its type, its signature, its claims.
import { selectorDigest, selectorsOf } from '../../../domain/feed.js';
import { Refusal } from '../../../domain/refusal.js';
import type { Selector } from '../../../domain/selector.js';
import { selectorText } from '../../../domain/selector.js';
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
/** The names that many credentials share: tools, agents, tasks. */
const MOST_DIGESTS = 20_000;

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
  #digests = new Map<string, string>();
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
      digests: selectorsOf({ ...selectable, keyId: header.kid }).map((selector) => this.#digest(selector)),
      aliveAt: -1,
    };
  }

  #digest(selector: Selector): string {
    const { issuer } = this.#terms;
    // No other credential has this one.
    if (selector.kind === 'lease') return selectorDigest(issuer, selector);
    const name = selectorText(selector);
    let digest = this.#digests.get(name);
    if (digest === undefined) {
      digest = selectorDigest(issuer, selector);
      if (this.#digests.size >= MOST_DIGESTS) this.#digests = new Map();
      this.#digests.set(name, digest);
    }
    return digest;
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
