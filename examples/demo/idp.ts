// A real identity provider (oidc-provider) on loopback: it gives each of its clients a signed workload token.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { ClientMetadata, Configuration, Provider } from 'oidc-provider';
import * as jose from 'jose';
import * as oauth from 'openid-client';
import { freePort } from './port.js';

/** How a client proves to the identity provider who it is: a signed assertion (RFC 7523), or a shared secret. */
export type Proof = 'private_key_jwt' | { readonly secret: string };

export interface IdpOptions {
  /** Names of the workloads, each with its proof. A token's `sub` is the name. */
  readonly clients: Readonly<Record<string, Proof>>;
  /** The `aud` of every token. */
  readonly audience: string;
  readonly ttlSeconds?: number;
  /** More claims for the tokens of a client. */
  readonly claims?: (client: string) => Record<string, unknown>;
}

export interface Idp {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly jwksUri: string;
  /** A fresh workload token, by client_credentials over HTTP. */
  tokenFor(client: string): Promise<string>;
  stop(): Promise<void>;
}

/** RFC 8707 wants a URI for the broker; the `aud` that goes with it is the one asked for. */
const RESOURCE = 'urn:mayfly:broker';
const SIGNED_WITH = 'ES256';

export async function startIdp(options: IdpOptions): Promise<Idp> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const enrolled = new Map<string, Enrolled>();
  for (const [name, proof] of Object.entries(options.clients)) enrolled.set(name, await enrol(name, proof));

  const provider = await loadProvider(issuer, await configuration(options, [...enrolled.values()]));
  const answer = provider.callback();
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    jwksUri: `${issuer}/jwks`,
    async tokenFor(name) {
      const client = enrolled.get(name);
      if (!client) throw new Error(`${name} is no client of this identity provider`);
      return (await oauth.clientCredentialsGrant(await client.discovered(issuer))).access_token;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Enrolled {
  readonly metadata: ClientMetadata;
  /** The provider's endpoints, asked for once. */
  discovered(issuer: string): Promise<oauth.Configuration>;
}

async function enrol(name: string, proof: Proof): Promise<Enrolled> {
  const common = {
    client_id: name,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  } satisfies ClientMetadata;
  if (proof !== 'private_key_jwt') {
    const { secret } = proof;
    return {
      metadata: { ...common, token_endpoint_auth_method: 'client_secret_basic', client_secret: secret },
      discovered: once((issuer) => discover(issuer, name, oauth.ClientSecretBasic(secret))),
    };
  }
  const { publicKey, privateKey } = await jose.generateKeyPair(SIGNED_WITH);
  const kid = name;
  const jwk = { ...(await jose.exportJWK(publicKey)), kid, alg: SIGNED_WITH, use: 'sig' };
  return {
    metadata: {
      ...common,
      token_endpoint_auth_method: proof,
      token_endpoint_auth_signing_alg: SIGNED_WITH,
      jwks: { keys: [jwk] },
    },
    discovered: once((issuer) => discover(issuer, name, oauth.PrivateKeyJwt({ key: privateKey, kid }))),
  };
}

const discover = (issuer: string, client: string, proof: oauth.ClientAuth): Promise<oauth.Configuration> =>
  oauth.discovery(new URL(issuer), client, undefined, proof, { execute: [oauth.allowInsecureRequests] });

function once<Given, Result>(work: (given: Given) => Result): (given: Given) => Result {
  let done: { result: Result } | undefined;
  return (given) => (done ??= { result: work(given) }).result;
}

async function configuration(
  { audience, ttlSeconds = 600, claims }: IdpOptions,
  clients: readonly Enrolled[],
): Promise<Configuration> {
  const { privateKey } = await jose.generateKeyPair(SIGNED_WITH, { extractable: true });
  const jwk = await jose.exportJWK(privateKey);
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url').slice(0, 16);
  return {
    clients: clients.map(({ metadata }) => metadata),
    clientAuthMethods: ['private_key_jwt', 'client_secret_basic'],
    clientDefaults: { id_token_signed_response_alg: SIGNED_WITH },
    jwks: { keys: [{ ...jwk, kid, alg: SIGNED_WITH, use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    responseTypes: [],
    ttl: { ClientCredentials: ttlSeconds },
    ...(claims && { extraTokenClaims: (_context, token) => claims(String(token.clientId)) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: () => ({
          scope: '',
          audience,
          accessTokenTTL: ttlSeconds,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: SIGNED_WITH } },
        }),
      },
    },
  };
}

/** The library warns about Node 20 when it is loaded, and works: whoever reads our output need not know. */
async function loadProvider(issuer: string, settings: Configuration): Promise<Provider> {
  const { warn, info } = console;
  console.warn = console.info = () => {};
  try {
    const { Provider } = await import('oidc-provider');
    return new Provider(issuer, settings);
  } finally {
    Object.assign(console, { warn, info });
  }
}
