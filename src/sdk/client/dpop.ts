// A key by which whoever asks proves with each request who they are (RFC 9449): over WebCrypto alone, so in browsers, too.
import { MayflyError } from './errors.js';

/** A private key for ES256 (RFC 7518 §6.2), as it stands in a file. Whoever has it is who the credential is bound to. */
export interface DpopJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

/** What a proof is for: one request. */
export interface ProofFor {
  readonly method: string;
  readonly url: string | URL;
  /** The last one that came from there, in the header `DPoP-Nonce`. */
  readonly nonce?: string;
  /** The token that goes along as `Authorization: DPoP`: its hash stands in the proof (§4.2, `ath`). */
  readonly accessToken?: string;
}

/** Whatever makes proofs with one key: a `DpopKey`, or something of yours that asks a key store. */
export interface DpopProver {
  /** RFC 7638, SHA-256: what `cnf.jkt` of a bound credential is. */
  readonly thumbprint: string;
  /** The header `DPoP` for one request (§4.2): each proof is good once. */
  proof(asked: ProofFor): string | Promise<string>;
}

type PublicJwk = Omit<DpopJwk, 'd'>;
type SubtleCrypto = typeof globalThis.crypto.subtle;
type CryptoKey = Awaited<ReturnType<SubtleCrypto['importKey']>>;

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
/** §8.1: NQCHAR. A header of ours has to carry it. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/;

/**
 * Makes proofs. Its private half cannot be got out of it again, also not by code that runs beside it: what is to be
 * kept is made by `newDpopJwk()`.
 *
 * @example
 * const dpop = await DpopKey.generate();
 * const mayfly = new MayflyClient({ url, token, dpop });
 */
export class DpopKey implements DpopProver {
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  readonly #privateKey: CryptoKey;

  private constructor(privateKey: CryptoKey, publicJwk: PublicJwk, thumbprint: string) {
    this.#privateKey = privateKey;
    this.publicJwk = publicJwk;
    this.thumbprint = thumbprint;
  }

  /** A key that ends with this program. */
  static async generate(): Promise<DpopKey> {
    const { privateKey, publicKey } = await subtle().generateKey(CURVE, false, ['sign', 'verify']);
    return DpopKey.#of(privateKey, publicKey);
  }

  /**
   * The key of a file: a private JWK for ES256.
   *
   * @throws MayflyError `ERR_USAGE` for anything else; it never shows the key
   */
  static async fromJwk(jwk: Partial<Readonly<Record<keyof DpopJwk, unknown>>>): Promise<DpopKey> {
    const { kty, crv, x, y, d } = jwk;
    if (kty !== 'EC' || crv !== 'P-256') throw wrong('it must be an EC key of the curve P-256');
    if (![x, y, d].every((part) => typeof part === 'string')) throw wrong('x, y and d must be there');
    const open = { kty, crv, x: x as string, y: y as string };
    const secret = { ...open, d: d as string };
    try {
      // Refused where they are not two halves of one key: such a key would make proofs that nobody takes.
      const privateKey = await subtle().importKey('jwk', secret, CURVE, false, ['sign']);
      const publicKey = await subtle().importKey('jwk', open, CURVE, true, ['verify']);
      return await DpopKey.#of(privateKey, publicKey);
    } catch (error) {
      // What WebCrypto says may quote the key.
      throw error instanceof MayflyError ? error : wrong('x, y and d are not of one key');
    }
  }

  static async #of(privateKey: CryptoKey, publicKey: CryptoKey): Promise<DpopKey> {
    // As WebCrypto writes it: one key has one thumbprint, however a file spelt it.
    const { x, y } = await subtle().exportKey('jwk', publicKey);
    const jwk = { crv: 'P-256', kty: 'EC', x: x!, y: y! } as const;
    // RFC 7638 §3.2: the members that make the key, in this order.
    return new DpopKey(privateKey, jwk, await digest(JSON.stringify(jwk)));
  }

  async proof({ method, url, nonce, accessToken }: ProofFor): Promise<string> {
    const { origin, pathname } = new URL(url);
    const claims = {
      jti: globalThis.crypto.randomUUID(),
      htm: method,
      htu: origin + pathname,
      iat: Math.floor(Date.now() / 1000),
      ...(nonce !== undefined && { nonce }),
      ...(accessToken !== undefined && { ath: await digest(accessToken) }),
    };
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: this.publicJwk };
    const input = [header, claims].map((part) => base64url(bytesOf(JSON.stringify(part)))).join('.');
    const signature = await subtle().sign(SIGNATURE, this.#privateKey, bytesOf(input));
    return `${input}.${base64url(new Uint8Array(signature))}`;
  }
}

/** A new private key to be kept: in a file for its owner alone. */
export async function newDpopJwk(): Promise<DpopJwk> {
  const { privateKey } = await subtle().generateKey(CURVE, true, ['sign', 'verify']);
  const { x, y, d } = await subtle().exportKey('jwk', privateKey);
  return { kty: 'EC', crv: 'P-256', x: x!, y: y!, d: d! };
}

/** What is asked of an answer here, whoever brought it. */
export interface Answered {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** The nonce that an answer brought for the next proof (§8.2). */
export function nonceIn({ headers }: Pick<Answered, 'headers'>): string | undefined {
  const nonce = headers.get('dpop-nonce');
  return nonce !== null && NONCE.test(nonce) ? nonce : undefined;
}

/** §9: whoever was asked did nothing yet but ask for a nonce. */
export const asksForNonce = (response: Answered): boolean =>
  response.status === 401 &&
  /\bdpop\b[^]*\buse_dpop_nonce\b/i.test(response.headers.get('www-authenticate') ?? '');

function subtle(): SubtleCrypto {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } };
  if (crypto?.subtle) return crypto.subtle;
  throw new MayflyError('ERR_USAGE', 'there is no WebCrypto here: browsers have it on pages of https alone');
}

const wrong = (why: string): MayflyError => new MayflyError('ERR_USAGE', `this is no key for proofs: ${why}`);

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const digest = async (text: string): Promise<string> =>
  base64url(new Uint8Array(await subtle().digest('SHA-256', bytesOf(text))));

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
