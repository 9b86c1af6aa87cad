// trust of kind spiffe: the workloads of one trust domain, by their JWT-SVIDs.
import { z } from 'zod';
import { globMatches } from '../../domain/glob.js';
import { isTrustDomain } from '../../domain/spiffe-id.js';
import { bundleMembers, commonMembers } from './members.js';
import type { RuleKind } from './rules.js';
import { factOf } from './rules.js';

/** With signs that no token has, so that only a star stands for them: a glob of this is one of every ID. */
const ANY_ID = 'spiffe://\0/\0';

const rules: RuleKind = {
  kind: 'spiffe',
  example: '{ path: "/ns/agents/*" }',
  facts: {
    path: factOf(
      /^[/*][A-Za-z0-9._/*-]{0,2000}$/,
      'must be a path or a glob of paths that begins with a slash, such as /ns/agents/sa/planner',
      'the path of the SPIFFE ID, by glob: a * also matches slashes',
    ),
    spiffe_id: factOf(
      /^spiffe:\/\/[a-z0-9._-]{1,255}\/[A-Za-z0-9._/*-]{1,2000}$/,
      'must be a SPIFFE ID or a glob of the paths of one trust domain, such as spiffe://prod.example/agents/*',
      'the whole SPIFFE ID, by glob: a * also matches slashes',
    ),
  },
  claims: ['sub', 'aud', 'iss', 'jti'],
  isOpen: (claim, value) =>
    (claim === 'path' && /^[/*]+$/.test(value)) ||
    (['spiffe_id', 'sub'].includes(claim) &&
      (/^spiffe:\/\/[^/]*\/?[/*]+$/.test(value) || globMatches(value, ANY_ID))),
};

/** JWT-SVID §2.1. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;

export const spiffeShape = {
  kind: z.literal('spiffe').describe('the kind of issuer: oidc, kubernetes, github or spiffe'),
  ...commonMembers({
    // What SPIRE signs with, by its jwt_key_type: ec-p256, ec-p384, rsa-2048 and rsa-4096.
    algorithms: ['ES256', 'ES384', 'RS256'],
    allowed: ALGORITHMS,
    maxTokenAge: '24h',
    rules,
  }),
  trust_domain: z
    .string()
    .transform((written) => written.replace(/^spiffe:\/\/([^/]*)\/?$/, '$1'))
    .refine(isTrustDomain, 'must be the name of a trust domain, such as prod.example: lower-case, no port')
    .describe('the trust domain, such as prod.example'),
  ...bundleMembers,
};
