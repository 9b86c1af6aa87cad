// One trusted issuer and its role rules, as the file writes them.
import { z } from 'zod';
import { ROLES, type Role } from '../domain/principal.js';
import { SIGNATURE_ALGORITHMS } from '../jws/algorithms.js';
import { nearest } from './nearest.js';
import { duration, issuerUrl, keySetUrl, listOf, oneOrMore, text } from './values.js';

/** Beyond these, numbers that differ in the file and in tokens would be equal here. */
const number = z
  .number()
  .refine(
    (value) => !Number.isInteger(value) || Number.isSafeInteger(value),
    'is too large a number to compare',
  );

const scalar = z.union([text(), number, z.boolean()]);
const claimValue = z.union(
  [scalar, listOf(scalar)],
  'must be a text, a number, true or false, or a list of these',
);
export type ClaimValue = z.output<typeof claimValue>;

/** Root ids have no dots; a glob of theirs needs none either. */
const rootGlob = z
  .string()
  .regex(/^[A-Za-z0-9_*-]{1,64}$/, 'must be a glob of root task ids: letters, digits, -, _ and *');

const RULE_WANTED = 'must be a rule such as { sub: "agent-*" }, or a list of rules';

const only = (role: Role, limit: string) =>
  z
    .never(`limits the role ${role} only: take it out (${limit} cannot be the name of a claim here)`)
    .optional();

function ruleFor(role: Role) {
  const tasks = listOf(rootGlob);
  const tools = listOf(text());
  return z
    .object({
      tasks:
        role === 'orchestrator'
          ? tasks.optional().describe('globs of the root task ids it may open and see; all when absent')
          : only('orchestrator', 'tasks'),
      tools:
        role === 'verifier'
          ? tools.optional().describe('the tools whose credentials it may introspect; all when absent')
          : only('verifier', 'tools'),
      dangerously_any: z
        .boolean()
        .optional()
        .describe('gives the role to everybody whom the issuer vouches for'),
    })
    .catchall(claimValue)
    .superRefine((rule, context) => {
      if ([rule['sub'] ?? []].flat().some((one) => typeof one !== 'string')) {
        context.addIssue({
          code: 'custom',
          path: ['sub'],
          message: 'must be a text, as it is in tokens: put it in quotes',
        });
      }
      const open = Object.entries(claimsOf(rule)).every(([claim, value]) => isOpen(claim, value));
      if (open && rule.dangerously_any !== true) {
        context.addIssue({
          code: 'custom',
          message: `would make everybody ${role}: name a claim that tells them apart, or say dangerously_any: true`,
        });
      } else if (!open && rule.dangerously_any === true) {
        context.addIssue({
          code: 'custom',
          path: ['dangerously_any'],
          message: 'contradicts the claims beside it: take out one or the other',
        });
      }
    });
}

/** Whether every token of the issuer has this: `iss` was compared already, and stars match all there is. */
const isOpen = (claim: string, value: ClaimValue): boolean =>
  claim === 'iss' || [value].flat().some((one) => typeof one === 'string' && /^\*+$/.test(one));

const LIMITS: ReadonlySet<string> = new Set(['tasks', 'tools', 'dangerously_any']);

export type Rule = z.output<ReturnType<typeof ruleFor>>;

/** The claims that a rule asks for, without its limits. */
export const claimsOf = (rule: Rule): Record<string, ClaimValue> =>
  Object.fromEntries(Object.entries(rule).filter(([name]) => !LIMITS.has(name))) as Record<
    string,
    ClaimValue
  >;

const rulesFor = (role: Role) => {
  const rule = ruleFor(role);
  return z.union([rule, z.array(rule).min(1, 'must not be empty')], RULE_WANTED).optional();
};

export const rolesShape = Object.fromEntries(ROLES.map((role) => [role, rulesFor(role)])) as Record<
  Role,
  ReturnType<typeof rulesFor>
>;

function algorithmFlaw(written: unknown): string | undefined {
  if (written === 'none')
    return 'none means tokens that nobody signed: name the algorithm that your issuer signs with, such as ES256';
  if (typeof written === 'string' && /^HS\d+$/i.test(written)) {
    return `${written.toUpperCase()} is symmetric, so whoever can check a token can also make one: use an asymmetric one such as ES256`;
  }
  if (typeof written !== 'string') return undefined;
  const meant = nearest(written, SIGNATURE_ALGORITHMS);
  return meant ? `is not known: did you mean ${meant}?` : `must be one of ${SIGNATURE_ALGORITHMS.join(', ')}`;
}

const algorithm = z.enum(SIGNATURE_ALGORITHMS, { error: (issue) => algorithmFlaw(issue.input) });

export const trustShape = {
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 lower-case letters, digits and -')
    .describe('a short name, such as cluster: principals are called <name>/<sub>'),
  kind: z.enum(['oidc']).describe('the kind of issuer: oidc'),
  issuer: issuerUrl.describe('the exact iss of its tokens, such as https://oidc.example'),
  audience: oneOrMore().describe('the aud that its tokens must have, such as mayfly'),
  algorithms: listOf(algorithm)
    .prefault(['ES256'])
    .describe('the algorithms that it signs with; asymmetric ones only'),
  jwks_uri: keySetUrl.optional().describe('where its keys are; found by discovery when absent'),
  jwks_file: text().optional().describe('a file with its public keys, so that no request goes out'),
  clock_tolerance: duration('0s', '5m').prefault('30s').describe('how far its clock and ours may differ'),
  max_token_age: duration('1s', '30d')
    .prefault('24h')
    .describe('tokens that were issued longer ago are refused'),
  one_time: z.boolean().prefault(false).describe('whether each token is good for one request only'),
  roles: z
    .strictObject(rolesShape)
    .refine(
      (roles) => Object.values(roles).some((rules) => rules !== undefined),
      'must give at least one role',
    )
    .describe('who may do what, such as { agent: { sub: "agent-*" } }'),
};

export const trustSchema = z.strictObject(trustShape);
