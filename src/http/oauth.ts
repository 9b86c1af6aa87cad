// OAuth endpoints beside /token: introspection, revocation, metadata and keys.
import type { Broker } from '../broker.js';
import { awsIssuer } from '../domain/aws-sts.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../domain/grant.js';
import type { KeyRing } from '../keys/key-ring.js';
import { Refusal } from '../domain/refusal.js';
import { DPOP_ALGORITHMS } from '../jws/dpop/proof.js';
import { introspect } from '../revocation/introspect.js';
import { revokeToken } from '../revocation/revoke-token.js';
import { TOKEN_EXCHANGE } from '../wire/token.js';
import type { Answer } from './answer.js';
import { ok } from './answer.js';
import type { Respond } from './call.js';
import { toldInSummary } from './limited.js';

export const oauthRoutes = (broker: Broker) =>
  ({
    introspect: async ({ principal, body, entry }) => {
      const token = tokenIn(body);
      return token instanceof Refusal ? token : ok(await introspect(broker, principal, token, entry));
    },

    revokeToken: async ({ principal, body, entry }) => {
      const token = tokenIn(body);
      if (token instanceof Refusal) return token;
      const refused = await revokeToken(broker, principal, token, entry);
      // RFC 7009 §2.2: the client cannot do anything about it, so it is told the same.
      if (refused?.detail !== undefined) entry.learn({ why: refused.detail });
      const how = refused
        ? ({ outcome: 'refused', reason: refused.reason } as const)
        : ({ outcome: 'permitted' } as const);
      // Waited for in either case, so that the time of the answer does not tell one from the other.
      if (entry.concluded) return DONE;
      if (toldInSummary({ broker }, entry, refused ?? NO_CREDENTIAL, true)) entry.markConcluded();
      else await broker.store.record(entry, how);
      return DONE;
    },
  }) satisfies Record<string, Respond>;

const DONE: Answer = { status: 200, headers: { 'cache-control': 'no-store' } };
/** For the limits: whoever shows such things all the time has no event for each. */
const NO_CREDENTIAL = new Refusal('lease_unknown', 'not a credential of ours');

function tokenIn(body: unknown): string | Refusal {
  const token = body instanceof Map ? (body.get('token') as string | undefined) : undefined;
  return token ?? new Refusal('request_malformed', 'token is required.');
}

const LONGEST_CACHED_SECONDS = 300;
/** Kept by verifiers for half the time at most that a new key is published ahead of its first signature. */
const published = (keys: KeyRing, body: object, type = 'application/json'): Answer => {
  const maxAge = Math.min(LONGEST_CACHED_SECONDS, Math.floor(keys.publishAheadMs / 2000));
  const cacheControl = `public, max-age=${maxAge}`;
  return {
    status: 200,
    body,
    headers: { 'content-type': type, 'cache-control': cacheControl, 'access-control-allow-origin': '*' },
  };
};

/** RFC 7517. */
export const jwksAnswer = (keys: KeyRing): Answer => published(keys, keys.jwks(), 'application/jwk-set+json');

/** RFC 8414 and OpenID Connect Discovery: what we are, for clients that ask. */
export function metadataAnswer(broker: Broker): Answer {
  const { issuer, keys } = broker;
  return published(keys, {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    // Ours alone: docs/feed.md.
    mayfly_feed_endpoint: `${issuer}/v1/revocations/stream`,
    mayfly_feed_jwks_uri: `${issuer}/jwks/feed`,
    mayfly_receipt_jwks_uri: `${issuer}/jwks/receipts`,
    grant_types_supported: [TOKEN_EXCHANGE],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    // RFC 8414 §2: names of access token types are allowed here; callers authenticate with their workload token.
    introspection_endpoint_auth_methods_supported: ['Bearer', 'DPoP'],
    revocation_endpoint_auth_methods_supported: ['Bearer', 'DPoP'],
    authorization_details_types_supported: [AUTHORIZATION_DETAIL_TYPE],
    // RFC 9449 §5.1.
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    ...(broker.listed && { status_list_aggregation_endpoint: `${issuer}/status-lists` }),
    // Asked for by OpenID Connect Discovery §3.
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [keys.current().algorithm],
    scopes_supported: [],
  });
}

/** OpenID Connect Discovery §3: what IAM asks of an identity provider. Nobody logs in here, and there is no other endpoint. */
export function awsMetadataAnswer(brokerIssuer: string, keys: KeyRing): Answer {
  const issuer = awsIssuer(brokerIssuer);
  return published(keys, {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [keys.current().algorithm],
    claims_supported: ['iss', 'aud', 'sub', 'jti', 'iat', 'exp'],
  });
}
