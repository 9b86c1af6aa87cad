// Role rules as the file writes them: which claims, and which facts of the kind, give a role.
import { z } from 'zod';
import { ROLES, type Role } from '../../domain/principal.js';
import { nearest } from '../../domain/nearest.js';
import { listOf, text } from '../values.js';

/** Beyond these, numbers that differ in the file and in tokens would be equal here. */
const number = z
  .number()
  .refine(
    (value) => !Number.isInteger(value) || Number.isSafeInteger(value),
    'is too large a number to compare',
  );

const scalar = z.union([text(), number, z.boolean()]);
const claimValue = z
  .union([scalar, listOf(scalar)], 'must be a text, a number, true or false, or a list of these')
  // Editors are told once what would stand in every rule.
  .meta({ id: 'claim_value' });
export type ClaimValue = z.output<typeof claimValue>;

/** Root ids have no dots; a glob of theirs needs none either. */
const rootGlob = z
  .string()
  .regex(/^[A-Za-z0-9_*-]{1,64}$/, 'must be a glob of root task ids: letters, digits, -, _ and *');

/** The claims that a rule asks for, without its limits. */
export type RuleClaims = Readonly<Record<string, ClaimValue>>;

export interface RuleFlaw {
  /** The claim to blame; the whole rule when absent. */
  readonly claim?: string;
  readonly message: string;
}

/** What rules of one kind of trust may say beyond what all may. */
export interface RuleKind {
  readonly kind: string;
  /** As it stands in messages. */
  readonly example: string;
  /** Facts that the kind reads out of its tokens, and how each must be written. */
  readonly facts: Readonly<Record<string, z.ZodType<ClaimValue | undefined>>>;
  /** Claims that its tokens are known to have: a near miss of one is a slip. */
  readonly claims: readonly string[];
  /** Whether every token of such an issuer has this. */
  isOpen(claim: string, value: string): boolean;
  /** What is wrong with a rule that names claims; undefined where nothing is. */
  flaw?(claims: RuleClaims, rule: Readonly<Record<string, unknown>>): RuleFlaw | undefined;
  /** Switches of this kind alone. */
  readonly switches?: Readonly<Record<string, z.ZodType<boolean | undefined>>>;
  /** Where no switch may open it to everybody, because that would be the world. */
  readonly neverAny?: string;
}

const only = (role: Role, limit: string) =>
  z
    .never(`limits the role ${role} only: take it out (${limit} cannot be the name of a claim here)`)
    .optional();

const LIMITS: ReadonlySet<string> = new Set(['tasks', 'tools', 'dangerously_any', 'dangerously_by_name']);

export interface Rule extends Readonly<Record<string, unknown>> {
  readonly tasks?: readonly string[] | undefined;
  readonly tools?: readonly string[] | undefined;
}

export const claimsOf = (rule: Rule): RuleClaims =>
  Object.fromEntries(
    Object.entries(rule).filter(([name, value]) => !LIMITS.has(name) && value !== undefined),
  ) as RuleClaims;

function ruleFor(role: Role, kind: RuleKind) {
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
          ? tools
              .optional()
              .describe(
                'the tools whose credentials it may introspect, and to whose tasks it may signal; all when absent',
              )
          : only('verifier', 'tools'),
      dangerously_any: z
        .boolean()
        .optional()
        .describe('gives the role to everybody whom the issuer vouches for'),
      ...kind.switches,
      ...kind.facts,
    })
    .catchall(claimValue)
    .superRefine((rule, context) => {
      for (const { claim, message } of flawsOf(rule, role, kind)) {
        context.addIssue({ code: 'custom', message, ...(claim !== undefined && { path: [claim] }) });
      }
    });
}

function flawsOf(rule: Readonly<Record<string, unknown>>, role: Role, kind: RuleKind): RuleFlaw[] {
  const flaws: RuleFlaw[] = [];
  const claims = claimsOf(rule);
  if ([claims['sub'] ?? []].flat().some((one) => typeof one !== 'string')) {
    flaws.push({ claim: 'sub', message: 'must be a text, as it is in tokens: put it in quotes' });
  }
  const known = [...Object.keys(kind.facts), ...kind.claims];
  for (const claim of Object.keys(claims).filter((name) => !known.includes(name))) {
    const meant = nearest(claim, known);
    if (meant !== undefined) flaws.push({ claim, message: `is not known: did you mean ${meant}?` });
  }
  const open = Object.entries(claims).every(([claim, value]) => isOpen(claim, value, kind));
  const any = rule['dangerously_any'] === true;
  if (any && kind.neverAny !== undefined) {
    flaws.push({ claim: 'dangerously_any', message: kind.neverAny });
  } else if (open && !any) {
    const instead = kind.neverAny === undefined ? ', or say dangerously_any: true' : '';
    flaws.push({ message: `would make everybody ${role}: name a claim that tells them apart${instead}` });
  } else if (!open && any) {
    const message = 'contradicts the claims beside it: take out one or the other';
    flaws.push({ claim: 'dangerously_any', message });
  }
  const flaw = open || flaws.length > 0 ? undefined : kind.flaw?.(claims, rule);
  return flaw ? [...flaws, flaw] : flaws;
}

/** Whether every token of the issuer has this: `iss` was compared already, and stars match all there is. */
const isOpen = (claim: string, value: ClaimValue, kind: RuleKind): boolean =>
  claim === 'iss' ||
  [value].flat().some((one) => typeof one === 'string' && (/^\*+$/.test(one) || kind.isOpen(claim, one)));

function rulesFor(role: Role, kind: RuleKind) {
  const rule = ruleFor(role, kind).meta({ id: `${kind.kind}_${role}` });
  const wanted = `must be a rule such as ${kind.example}, or a list of rules`;
  return z.union([rule, z.array(rule).min(1, 'must not be empty')], wanted).optional();
}

type Rules = ReturnType<typeof rulesFor>;

/** The roles of a trust of this kind: one schema for each. */
export const rolesShape = (kind: RuleKind): Record<Role, Rules> =>
  Object.fromEntries(ROLES.map((role) => [role, rulesFor(role, kind)])) as Record<Role, Rules>;

export const rolesSchema = (shape: Record<Role, Rules>, { example }: RuleKind) =>
  z
    .strictObject(shape)
    .refine(
      (roles) => Object.values(roles).some((rules) => rules !== undefined),
      'must give at least one role',
    )
    .describe(`who may do what, such as { agent: ${example} }`);

/** A text, or a list of different ones, each of this form. */
export const factOf = (form: RegExp, wanted: string, purpose: string) => {
  const one = z.string(wanted).regex(form, wanted);
  return z
    .union([one, listOf(one)], wanted)
    .optional()
    .describe(purpose);
};
