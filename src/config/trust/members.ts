// What an entry of trust may say, whatever its kind, and what goes with some kinds only.
import { z } from 'zod';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../jws/algorithms.js';
import { nearest } from '../../domain/nearest.js';
import { duration, issuerUrl, keySetUrl, listOf, oneOrMore, text } from '../values.js';
import { type RuleKind, rolesSchema, rolesShape } from './rules.js';

function algorithmFlaw(written: unknown, known: readonly string[]): string | undefined {
  if (written === 'none')
    return 'none means tokens that nobody signed: name the algorithm that your issuer signs with, such as ES256';
  if (typeof written === 'string' && /^HS\d+$/i.test(written)) {
    return `${written.toUpperCase()} is symmetric, so whoever can check a token can also make one: use an asymmetric one such as ES256`;
  }
  if (typeof written !== 'string') return undefined;
  const meant = nearest(written, known);
  return meant ? `is not known: did you mean ${meant}?` : `must be one of ${known.join(', ')}`;
}

interface KindTerms {
  readonly algorithms: readonly [SignatureAlgorithm, ...SignatureAlgorithm[]];
  /** Those that may be named; all that we know when absent. */
  readonly allowed?: readonly SignatureAlgorithm[];
  readonly maxTokenAge: string;
  readonly rules: RuleKind;
}

/** What every entry says. */
export function commonMembers({ algorithms, allowed = SIGNATURE_ALGORITHMS, maxTokenAge, rules }: KindTerms) {
  const algorithm = z.enum(allowed as readonly [SignatureAlgorithm, ...SignatureAlgorithm[]], {
    error: (issue) => algorithmFlaw(issue.input, allowed),
  });
  return {
    name: z
      .string()
      .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 lower-case letters, digits and -')
      .describe('a short name, such as cluster: principals are called <name>/<sub>'),
    audience: oneOrMore().describe('the aud that its tokens must have, such as mayfly'),
    algorithms: listOf(algorithm)
      .prefault([...algorithms])
      .describe('the algorithms that it signs with; asymmetric ones only'),
    clock_tolerance: duration('0s', '5m').prefault('30s').describe('how far its clock and ours may differ'),
    max_token_age: duration('1s', '30d')
      .prefault(maxTokenAge)
      .describe('tokens that were issued longer ago are refused'),
    one_time: z.boolean().prefault(false).describe('whether each token is good for one request only'),
    roles: rolesSchema(rolesShape(rules), rules),
  };
}

const caFile = text()
  .optional()
  .describe("the only authorities that may vouch for where its keys are, PEM; Node's own when absent");

/** What an issuer with an `iss` and a JWKS says. */
export const issuerMembers = {
  issuer: issuerUrl.describe('the exact iss of its tokens, such as https://oidc.example'),
  jwks_uri: keySetUrl.optional().describe('where its keys are; found by discovery when absent'),
  jwks_file: text().optional().describe('a file with its public keys, so that no request goes out'),
  ca_file: caFile,
};

export const bundleMembers = {
  bundle_file: text()
    .optional()
    .describe('a file with the bundle of the trust domain, read again when it ages'),
  bundle_endpoint: keySetUrl
    .optional()
    .describe('where the trust domain publishes its bundle, such as https://spire.example/bundle'),
  ca_file: caFile,
};

const refused = (kinds: readonly string[]) =>
  z.never(`goes with kind: ${kinds.join(', ').replace(/, ([^,]+)$/, ' or $1')}`).optional();

/** Members of other kinds, each refused with the kinds that it goes with. */
export function goWith<Name extends string>(kinds: Readonly<Record<Name, readonly string[]>>) {
  return Object.fromEntries(
    Object.entries<readonly string[]>(kinds).map(([name, names]) => [name, refused(names)]),
  ) as Record<Name, ReturnType<typeof refused>>;
}
