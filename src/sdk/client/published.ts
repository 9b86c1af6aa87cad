// What a broker tells everybody: no token is sent for it.
import type { KeySet, Readiness, ServerMetadata } from './answers.js';
import { jsonIn } from './answers.js';
import type { CallOptions, Channel, Outgoing } from './channel.js';
import { open } from './outgoing.js';

export class Published {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** The broker's address, without a slash at the end. */
  get url(): string {
    return this.#channel.url;
  }

  /** RFC 8414. */
  metadata(call: CallOptions = {}): Promise<ServerMetadata> {
    return this.#read(open('/.well-known/oauth-authorization-server'), call);
  }

  /** The same for clients of OpenID Connect. */
  openidConfiguration(call: CallOptions = {}): Promise<ServerMetadata> {
    return this.#read(open('/.well-known/openid-configuration'), call);
  }

  /** The keys that credentials are signed with (RFC 7517). */
  jwks(call: CallOptions = {}): Promise<KeySet> {
    return this.#read(open('/jwks'), call);
  }

  /** The keys that receipts are signed with, those of long ago among them. */
  receiptJwks(call: CallOptions = {}): Promise<KeySet> {
    return this.#read(open('/jwks/receipts'), call);
  }

  /** The keys that the revocation feed is signed with. */
  feedJwks(call: CallOptions = {}): Promise<KeySet> {
    return this.#read(open('/jwks/feed'), call);
  }

  /** What the broker is to AWS. */
  awsOpenidConfiguration(call: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#read(open('/aws/.well-known/openid-configuration'), call);
  }

  /** The keys by which the broker says to AWS who it is. */
  awsJwks(call: CallOptions = {}): Promise<KeySet> {
    return this.#read(open('/aws/jwks'), call);
  }

  /** The contract as an OpenAPI 3.1 document. */
  openapi(call: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#read(open('/openapi.json'), call);
  }

  /** Whether the broker lives: resolves while it does. */
  async health(call: CallOptions = {}): Promise<void> {
    await this.#read(open('/healthz'), call);
  }

  /** Whether the broker can do its work, and if not, why. Not being ready is an answer here and no error. */
  async readiness(call: CallOptions = {}): Promise<Readiness> {
    const asked = { ...open('/readyz'), alsoGood: 503, repeatable: false };
    const { status, why } = await this.#read<{ status: string; why?: string }>(asked, call);
    return { ready: status === 'ready', ...(why !== undefined && { why }) };
  }

  #read<Body>(outgoing: Outgoing, call: CallOptions): Promise<Body> {
    return readJson(this.#channel, outgoing, call);
  }
}

export const readJson = async <Body>(
  channel: Channel,
  outgoing: Outgoing,
  call: CallOptions,
): Promise<Body> => jsonIn((await channel.send(outgoing, call)).text, channel.url);
