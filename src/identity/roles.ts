// Roles from claims: a rule gives its role where every claim that it names matches.
import { globMatches } from '../domain/glob.js';
import type { RoleGrant } from '../domain/principal.js';
import type { ClaimRule, RoleRule } from './trust.js';

export const rolesFrom = (
  rules: readonly RoleRule[],
  claims: Readonly<Record<string, unknown>>,
): RoleGrant[] =>
  rules.filter((rule) => rule.claims.every((one) => claimMatches(one, claims))).map((rule) => rule.grant);

/** A list matches with any of its members. Texts match as globs; numbers and truth values only as themselves. */
function claimMatches({ claim, anyOf }: ClaimRule, claims: Readonly<Record<string, unknown>>): boolean {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  const members: unknown[] = Array.isArray(value) ? value : [value];
  return members.some((member) =>
    anyOf.some((wanted) =>
      typeof wanted === 'string'
        ? typeof member === 'string' && globMatches(wanted, member)
        : member === wanted,
    ),
  );
}
