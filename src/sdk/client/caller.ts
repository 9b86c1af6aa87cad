// Who calls: the workload token, and the proof of a key where the token is bound to it, or what comes of the call shall be.
import { boundTo } from './bound-token.js';
import { type Answered, asksForNonce, type DpopProver, nonceIn } from './dpop.js';
import { MayflyError } from './errors.js';
import { type TokenSource, tokenFrom } from './token-source.js';

export interface CallerOptions {
  /** Your workload token. What is open to everybody needs none. */
  readonly token?: TokenSource;
  /**
   * The key that credentials shall be bound to (RFC 9449), and that your workload token is bound to, if it is: or a
   * function that is asked at each call.
   */
  readonly dpop?: DpopProver | (() => DpopProver | Promise<DpopProver>);
}

/** What is to be known of a call. */
interface Called {
  readonly method: string;
  readonly as: 'caller' | 'nobody';
  readonly binds?: true;
}

export class Caller {
  readonly #options: CallerOptions;
  /** Of the broker, which is all that is called here. */
  #nonce: string | undefined;
  /** What the last token says of itself. */
  #read: { readonly token: string; readonly jkt: string | undefined } | undefined;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /**
   * The workload token: never one that would be sent in vain, as its key is not ours.
   *
   * @throws MayflyError `ERR_TOKEN_SOURCE`
   */
  async token(): Promise<string> {
    const token = await tokenFrom(this.#options.token);
    const jkt = this.#keyOf(token);
    if (jkt === undefined || jkt === (await this.#prover())?.thumbprint) return token;
    const ours = this.#options.dpop ? 'the dpop key is another one' : 'no dpop key was given';
    const message = `the workload token is bound to a key (cnf.jkt ${JSON.stringify(jkt)}), and ${ours}`;
    throw new MayflyError('ERR_TOKEN_SOURCE', message);
  }

  /** `Authorization` and `DPoP` of one request: made anew each time, as a proof is good once. */
  async headers({ method, as, binds }: Called, url: string): Promise<Record<string, string>> {
    const token = as === 'caller' ? await this.token() : undefined;
    const isBound = token !== undefined && this.#keyOf(token) !== undefined;
    const prover = isBound || binds ? await this.#prover() : undefined;
    const proof = await prover?.proof({
      method,
      url,
      ...(this.#nonce !== undefined && { nonce: this.#nonce }),
      ...(isBound && { accessToken: token }),
    });
    return {
      ...(token !== undefined && { authorization: `${isBound ? 'DPoP' : 'Bearer'} ${token}` }),
      ...(proof !== undefined && { dpop: proof }),
    };
  }

  /**
   * Keeps the nonce that an answer brought. True where the call was refused for want of it: then nothing was done, and
   * it may be made once more (RFC 9449 §8).
   */
  keepNonce(response: Answered, refusal?: MayflyError): boolean {
    const nonce = nonceIn(response);
    if (nonce === undefined || !this.#options.dpop) return false;
    this.#nonce = nonce;
    return refusal?.oauthError === 'use_dpop_nonce' || asksForNonce(response);
  }

  /** The same token is shown many times. */
  #keyOf(token: string): string | undefined {
    if (this.#read?.token !== token) this.#read = { token, jkt: boundTo(token) };
    return this.#read.jkt;
  }

  async #prover(): Promise<DpopProver | undefined> {
    const { dpop } = this.#options;
    return typeof dpop === 'function' ? dpop() : dpop;
  }
}
