// The contract of the routes that ask nobody who calls: the token endpoint, where the proof is in the form, and what is published.
import { z } from 'zod';
import { Refusal } from '../../domain/refusal.js';
import type { PublicPath } from '../access.js';
import { refusalAnswer } from '../errors.js';
import * as example from './examples.js';
import type { DocumentedAnswer, DocumentedRoute } from './route.js';

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
    'target_unavailable',
  ],
};

const metadata: DocumentedRoute = {
  tag: 'Discovery',
  summary: 'Metadata of the authorization server',
  answers: { 200: { description: 'RFC 8414.', schema: 'Metadata', example: example.metadata } },
};

const NOT_FOUND: DocumentedAnswer = {
  description: 'There is none.',
  schema: 'Problem',
  type: 'application/problem+json',
  example: refusalAnswer(new Refusal('route_unknown'), example.REQUEST_ID, 'problem').body,
};

const KEY_SET: DocumentedRoute['answers'] = {
  200: {
    description: 'RFC 7517.',
    schema: 'Jwks',
    type: 'application/jwk-set+json',
    example: example.keys,
  },
};

export const OPEN_ROUTES: Readonly<Record<PublicPath, DocumentedRoute & { readonly operationId: string }>> = {
  '/.well-known/oauth-authorization-server': { ...metadata, operationId: 'oauthMetadata' },
  '/.well-known/openid-configuration': { ...metadata, operationId: 'openidMetadata' },
  '/jwks': {
    operationId: 'jwks',
    tag: 'Discovery',
    summary: 'The keys that credentials are signed with',
    answers: KEY_SET,
  },
  '/jwks/feed': {
    operationId: 'feedJwks',
    tag: 'Discovery',
    summary: 'The keys that the revocation feed is signed with',
    description: 'Apart from those of credentials: what these sign is no credential.',
    answers: KEY_SET,
  },
  '/jwks/receipts': {
    operationId: 'receiptJwks',
    tag: 'Discovery',
    summary: 'The keys that receipts are signed with',
    description:
      'Also those of long ago, unless they were killed: a receipt is checked whenever somebody asks.',
    answers: KEY_SET,
  },
  '/aws/.well-known/openid-configuration': {
    operationId: 'awsOpenidMetadata',
    tag: 'Discovery',
    summary: 'What the broker is to AWS, as an identity provider',
    answers: {
      200: {
        description: 'OpenID Connect Discovery.',
        schema: 'AwsMetadata',
        example: {
          issuer: 'https://mayfly.example/aws',
          jwks_uri: 'https://mayfly.example/aws/jwks',
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
          claims_supported: ['iss', 'aud', 'sub', 'jti', 'iat', 'exp'],
        },
      },
    },
  },
  '/aws/jwks': {
    operationId: 'awsJwks',
    tag: 'Discovery',
    summary: 'The keys by which the broker says to AWS who it is',
    description: 'Apart from those of credentials: what these sign is taken by nobody but AWS.',
    answers: KEY_SET,
  },
  '/status-lists': {
    operationId: 'statusLists',
    tag: 'Discovery',
    summary: 'Which status lists there are',
    description:
      'Token Status List, for verifiers that know nothing of Mayfly. 404 where none are configured.',
    answers: {
      200: {
        description: 'All of them.',
        schema: 'StatusListAggregation',
        example: { status_lists: ['https://mayfly.example/status-lists/7-57129014400341'] },
      },
      404: NOT_FOUND,
    },
  },
  '/status-lists/:id': {
    operationId: 'statusList',
    tag: 'Discovery',
    summary: 'A status list',
    description: 'The claim `status` of a credential names it. A bit of 1 says that the credential is dead.',
    path: {
      id: {
        description: 'As the credential has it.',
        schema: z.string().meta({ pattern: '^[0-9-]{1,24}$', examples: ['7-57129014400341'] }),
      },
    },
    answers: {
      200: {
        description: 'Signed as credentials are.',
        schema: 'StatusListToken',
        type: 'application/statuslist+jwt',
        headers: ['ETag'],
      },
      304: { description: 'It is still the one that `If-None-Match` names.', headers: ['ETag'] },
      404: NOT_FOUND,
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
