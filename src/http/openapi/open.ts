// The contract of the routes that ask nobody who calls: the token endpoint, where the proof is in the form, and what is published.
import type { PublicPath } from '../access.js';
import * as example from './examples.js';
import type { DocumentedRoute } from './route.js';

export const TOKEN_ROUTE: DocumentedRoute = {
  tag: 'Credentials',
  summary: 'Exchange a workload token for a credential of one task and one tool',
  description:
    'OAuth 2.0 Token Exchange (RFC 8693). The subject token is the proof of who asks; with a DPoP header (RFC 9449), the credential is bound to the key of that proof. Unknown parameters are ignored, repeated ones refused.',
  takesProof: true,
  body: { schema: 'TokenRequest', example: example.exchange },
  answers: {
    200: {
      description: 'The credential.',
      schema: 'TokenResponse',
      example: example.credential,
    },
  },
  refusals: [
    'grant_type_unsupported',
    'target_missing',
    'task_unknown',
    'task_closed',
    'policy_denied',
    'approval_required',
    'action_not_granted',
    'resource_not_granted',
    'details_malformed',
    'too_many_leases',
  ],
};

const metadata: DocumentedRoute = {
  tag: 'Discovery',
  summary: 'Metadata of the authorization server',
  answers: { 200: { description: 'RFC 8414.', schema: 'Metadata', example: example.metadata } },
};

export const OPEN_ROUTES: Readonly<Record<PublicPath, DocumentedRoute & { readonly operationId: string }>> = {
  '/.well-known/oauth-authorization-server': { ...metadata, operationId: 'oauthMetadata' },
  '/.well-known/openid-configuration': { ...metadata, operationId: 'openidMetadata' },
  '/jwks': {
    operationId: 'jwks',
    tag: 'Discovery',
    summary: 'The keys that credentials are signed with',
    answers: {
      200: {
        description: 'RFC 7517.',
        schema: 'Jwks',
        type: 'application/jwk-set+json',
        example: example.keys,
      },
    },
  },
  '/jwks/feed': {
    operationId: 'feedJwks',
    tag: 'Discovery',
    summary: 'The keys that the revocation feed is signed with',
    description: 'Apart from those of credentials: what these sign is no credential.',
    answers: {
      200: {
        description: 'RFC 7517.',
        schema: 'Jwks',
        type: 'application/jwk-set+json',
        example: example.keys,
      },
    },
  },
  '/healthz': {
    operationId: 'health',
    tag: 'Discovery',
    summary: 'Whether the broker lives',
    answers: { 200: { description: 'It lives.', schema: 'Health', example: { status: 'alive' } } },
  },
  '/readyz': {
    operationId: 'readiness',
    tag: 'Discovery',
    summary: 'Whether the broker can do its work',
    answers: {
      200: { description: 'A write to the store succeeds.', schema: 'Ready', example: { status: 'ready' } },
      503: {
        description: 'It cannot, and says why.',
        schema: 'NotReady',
        example: { status: 'not ready', why: 'the store does not answer' },
      },
    },
  },
  '/openapi.json': {
    operationId: 'openapi',
    tag: 'Discovery',
    summary: 'This document',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: 'OpenApi' } },
  },
};
