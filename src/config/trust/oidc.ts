// trust of kind oidc: any issuer with a discovery document or a JWKS.
import { z } from 'zod';
import { commonMembers, issuerMembers } from './members.js';
import type { RuleKind } from './rules.js';

const rules: RuleKind = {
  kind: 'oidc',
  example: '{ sub: "agent-*" }',
  facts: {},
  claims: [],
  isOpen: () => false,
};

export const oidcShape = {
  kind: z.literal('oidc').describe('the kind of issuer: oidc, kubernetes, github or spiffe'),
  ...commonMembers({ algorithms: ['ES256'], maxTokenAge: '24h', rules }),
  ...issuerMembers,
};
