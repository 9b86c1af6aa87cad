// What the broker publishes to everybody: metadata (RFC 8414), keys (RFC 7517), and how it is.
import { z } from 'zod';

const texts = z.array(z.string());

export const metadata = z
  .object({
    issuer: z.string(),
    token_endpoint: z.string(),
    jwks_uri: z.string(),
    introspection_endpoint: z.string(),
    revocation_endpoint: z.string(),
    mayfly_feed_endpoint: z.string().exactOptional().describe('Server-sent events of kills: docs/feed.md.'),
    mayfly_feed_jwks_uri: z.string().exactOptional().describe('The keys that the feed is signed with.'),
    mayfly_receipt_jwks_uri: z.string().exactOptional().describe('The keys that receipts are signed with.'),
    grant_types_supported: texts,
    response_types_supported: texts,
    token_endpoint_auth_methods_supported: texts.describe('`none`: the subject token is the proof.'),
    introspection_endpoint_auth_methods_supported: texts,
    revocation_endpoint_auth_methods_supported: texts,
    authorization_details_types_supported: texts,
    dpop_signing_alg_values_supported: texts.exactOptional().describe('RFC 9449 §5.1.'),
    status_list_aggregation_endpoint: z
      .string()
      .exactOptional()
      .describe('Token Status List. Absent: there are no status lists.'),
    subject_types_supported: texts,
    id_token_signing_alg_values_supported: texts,
    scopes_supported: texts,
  })
  .describe('What this broker is, for clients that ask (RFC 8414).');
export type Metadata = z.infer<typeof metadata>;

export const awsMetadata = z
  .object({
    issuer: z.string(),
    jwks_uri: z.string(),
    response_types_supported: texts,
    subject_types_supported: texts,
    id_token_signing_alg_values_supported: texts,
    claims_supported: texts,
  })
  .describe('What this broker is to AWS: an identity provider (OpenID Connect Discovery).');

export const jwks = z
  .object({
    keys: z.array(
      z
        .object({ kty: z.string(), kid: z.string(), alg: z.string(), use: z.literal('sig') })
        .catchall(z.unknown())
        .describe('A public key (RFC 7517).'),
    ),
  })
  .describe('The keys that credentials are signed with.');
export type Jwks = z.infer<typeof jwks>;

export const statusListToken = z.string().describe('A status list, as a signed token (Token Status List).');
export const statusListAggregation = z
  .object({ status_lists: texts.describe('The address of each list.') })
  .describe('All status lists (Token Status List).');

export const health = z.object({ status: z.literal('alive') });
export const ready = z.object({ status: z.literal('ready') });
export const notReady = z.object({
  status: z.literal('not ready'),
  why: z.string().describe('For whoever runs it.'),
});
