// oidc-provider as a token endpoint: client_credentials by private_key_jwt, and a signed access token. Records in Redis, or in memory.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { redisAdapter } from './redis-adapter.mjs';

const [issuer = '', audience = '', clientNames = '[]', clientJwks = '{}', redisPort] = process.argv.slice(2);
const ALGORITHM = 'ES256';

// It warns of Node 20 and of its adapter when it is loaded; the second of these is told where the figures are.
console.warn = console.info = () => {};
const { Provider } = await import('oidc-provider');

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(issuer, {
  ...(redisPort !== undefined && { adapter: redisAdapter(Number(redisPort)) }),
  clients: JSON.parse(clientNames).map((/** @type {string} */ name) => ({
    client_id: name,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: ALGORITHM,
    jwks: JSON.parse(clientJwks),
  })),
  clientAuthMethods: ['private_key_jwt'],
  clientDefaults: { id_token_signed_response_alg: ALGORITHM },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'peer', alg: ALGORITHM, use: 'sig' }] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  responseTypes: [],
  scopes: ['read', 'write'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({
        scope: 'read write',
        audience,
        accessTokenTTL: 300,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: ALGORITHM } },
      }),
    },
  },
});

const answer = provider.callback();
const server = createServer((request, response) => void answer(request, response));
server.listen(Number(new URL(issuer).port), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
