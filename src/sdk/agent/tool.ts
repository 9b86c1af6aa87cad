// A tool as an agent uses it: its credential, and a `fetch` that shows it there and nowhere else.
import { audienceOf } from '../client/bound-token.js';
import { isStream, type ProvenCalls } from '../client/dpop-fetch.js';
import { MayflyError, type TokenResponse } from '../client/index.js';
import { tokenFrom } from '../client/token-source.js';
import type { Holding } from './holding.js';
import { type Outgoing, outgoing, redirection, saysInvalid } from './outgoing.js';
import { Reach } from './reach.js';

const MOST_REDIRECTS = 5;

export interface Waiting {
  /** Ends your waiting; its reason is thrown. Others who wait for the same go on. */
  readonly signal?: AbortSignal;
}

export interface ToolParts {
  readonly name: string;
  readonly holding: Holding;
  /** Where it is reached; absent: where its audience says. */
  readonly places?: readonly string[];
  readonly fetch: typeof fetch;
  /** Calls with a proof; absent where the agent has no key. */
  readonly proven: () => Promise<ProvenCalls | undefined>;
  readonly plainHttpAllowed: boolean;
}

/** Made by `agent.tool()`. */
export class AgentTool {
  readonly name: string;
  readonly #parts: ToolParts;
  readonly #reach: Reach | undefined;

  /** @throws MayflyError `ERR_USAGE` for places that no credential can be sent to */
  constructor(parts: ToolParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#reach = parts.places && new Reach(parts.name, parts.places, parts.plainHttpAllowed);
  }

  /**
   * A credential that is good now, of whatever kind the tool takes: `access_token` is it, `expires_in` counts from now.
   * Cached, so ask for it at each use and keep none.
   *
   * @throws MayflyError as the broker refuses; `ERR_TASK_OVER` where the task is known to have ended
   */
  credential({ signal }: Waiting = {}): Promise<TokenResponse> {
    return this.#parts.holding.credential(signal);
  }

  /**
   * `fetch`, with the credential. Where the tool says that it is not valid, the request is made once more with another
   * one, unless its body is a stream, which can be sent only once. Redirects of readings are followed as far as the
   * tool reaches; any other is given back.
   *
   * @throws MayflyError `ERR_USAGE` for an address that is not the tool's: nothing is sent; else as `credential`
   */
  fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const asked = await outgoing(input, init);
    this.#reach?.check(asked.url);
    const first = await this.#sent(asked);
    if (!saysInvalid(first.response)) return first.response;
    const mayRetry = this.#parts.holding.drop(first.credential);
    if (!mayRetry || isStream(asked.init.body)) return first.response;
    await first.response.body?.cancel();
    return (await this.#sent(asked)).response;
  };

  async #sent(asked: Outgoing): Promise<{ response: Response; credential: string }> {
    const { signal } = asked.init;
    const credential = await this.#parts.holding.credential(signal ?? undefined);
    const reach = this.#reach ?? this.#reachOf(credential);
    reach.check(asked.url);
    let { url } = asked;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#once({ url, init: asked.init }, credential);
      const next = redirection(response, { url, init: asked.init });
      // Elsewhere, whoever answers there would have the credential.
      if (!next || !reach.has(next) || redirects === MOST_REDIRECTS) {
        return { response, credential: credential.access_token };
      }
      await response.body?.cancel();
      url = next;
    }
  }

  async #once({ url, init }: Outgoing, credential: TokenResponse): Promise<Response> {
    const { access_token: token, token_type: type } = credential;
    if (type === 'N_A') throw this.#misused('is not shown in a header: take it from credential()');
    if (type === 'DPoP') {
      const proven = await this.#parts.proven();
      if (!proven) throw this.#misused('is bound to a key, and the agent has none');
      return proven.send(url, init, token);
    }
    const headers = new Headers(init.headers);
    // What no header can carry, `Headers` would quote in its error.
    headers.set('authorization', `Bearer ${await tokenFrom(token)}`);
    const { fetch: fetched } = this.#parts;
    return fetched(url, { ...init, headers, redirect: 'manual' });
  }

  #reachOf({ access_token: token }: TokenResponse): Reach {
    return new Reach(this.name, audienceOf(token), this.#parts.plainHttpAllowed);
  }

  #misused(why: string): MayflyError {
    return new MayflyError('ERR_USAGE', `the credential for ${this.name} ${why}`);
  }
}
