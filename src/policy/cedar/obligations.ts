// What a permit asks for besides: its annotations, checked when it is read, and put together when several permit.
import { DAY_MS, parseDuration, SECOND_MS } from '../../domain/duration.js';
import { nearest } from '../../domain/nearest.js';

export interface Obligations {
  /** `@max_ttl("60s")`: the credential lives no longer; of `open_task`, the task. */
  readonly maxTtlMs?: number;
  /** `@require_dpop`: given out with a proof of a key only, and bound to it (RFC 9449). */
  readonly requireDpop?: true;
  /** `@single_use`: accepted once, through introspection alone. */
  readonly singleUse?: true;
  /** `@approval("…")`: somebody has to say yes first; for this reason. */
  readonly approval?: string;
  /** `@reason("…")`: what the caller may be told. */
  readonly reason?: string;
}

type Annotations = Readonly<Record<string, string | null>>;

/** What a policy may say about itself. Anything else is a slip: `@requires_dpop` would oblige nobody. */
const NAMES = ['id', 'description', 'max_ttl', 'require_dpop', 'single_use', 'approval', 'reason'] as const;
type Name = (typeof NAMES)[number];
const OF_PERMITS: ReadonlySet<Name> = new Set(['max_ttl', 'require_dpop', 'single_use', 'approval']);
/** With a text, and without one. */
const WITH_TEXT: ReadonlySet<Name> = new Set(['id', 'description', 'max_ttl', 'approval', 'reason']);

/** No task lasts longer, and so does nothing else. */
const LONGEST_MS = 30 * DAY_MS;
/** Ids stand in records, answers and terminals, in lists. */
const ID = /^[A-Za-z0-9][\w.:/-]{0,127}$/;
/** RFC 6749 §5.2: what may stand in `error_description`. */
const TELLABLE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,200}$/;

/** The obligations, or what is wrong with the annotations. */
export function obligationsOf(effect: 'permit' | 'forbid', annotations: Annotations): Obligations | string {
  for (const [name, value] of Object.entries(annotations)) {
    const flaw = flawIn(effect, name, value);
    if (flaw !== undefined) return flaw;
  }
  const { max_ttl: maxTtl, approval, reason } = annotations;
  return {
    ...(maxTtl && { maxTtlMs: parseDuration(maxTtl)! }),
    ...('require_dpop' in annotations && { requireDpop: true as const }),
    ...('single_use' in annotations && { singleUse: true as const }),
    ...(approval && { approval }),
    ...(reason && { reason }),
  };
}

function flawIn(effect: 'permit' | 'forbid', name: string, value: string | null): string | undefined {
  if (!NAMES.includes(name as Name)) {
    const meant = nearest(name, NAMES);
    const hint =
      meant === undefined
        ? `known are ${NAMES.map((one) => `@${one}`).join(', ')}`
        : `did you mean @${meant}?`;
    return `@${name} is no annotation that means anything here: ${hint}`;
  }
  const known = name as Name;
  if (effect === 'forbid' && OF_PERMITS.has(known))
    return `@${name} is for permits: a forbid gives nothing that could be obliged to anything`;
  if (!WITH_TEXT.has(known)) return value ? `@${name} stands alone, without a text` : undefined;
  if (!value) return `@${name} needs a text: @${name}("…")`;
  if (known === 'id' && !ID.test(value))
    return '@id must be 1 to 128 letters, digits, dots, colons, slashes, - and _, and begin with a letter or a digit';
  if (known === 'max_ttl') return ttlFlaw(value);
  if ((known === 'approval' || known === 'reason') && !TELLABLE.test(value))
    return `@${name} may be told to callers: 1 to 200 printable ASCII characters without " and \\`;
  return undefined;
}

function ttlFlaw(value: string): string | undefined {
  const ms = parseDuration(value);
  return ms === undefined || ms < SECOND_MS || ms > LONGEST_MS
    ? '@max_ttl must be a duration from 1s to 30d, such as @max_ttl("60s")'
    : undefined;
}

export interface Terms extends Obligations {
  readonly reasons: readonly string[];
}

type Obliging = { readonly obligations: Obligations };

const ALONE = new WeakMap<Obliging, Terms>();

/** All of them apply, the strictest of each kind. */
export function strictest(policies: readonly Obliging[]): Terms {
  const [only] = policies;
  if (!only || policies.length > 1) return together(policies);
  let alone = ALONE.get(only);
  if (!alone) ALONE.set(only, (alone = together(policies)));
  return alone;
}

function together(policies: readonly Obliging[]): Terms {
  const all = policies.map(({ obligations }) => obligations);
  const ttls = all.flatMap(({ maxTtlMs }) => maxTtlMs ?? []);
  const approvals = distinct(all.flatMap(({ approval }) => approval ?? []));
  return {
    ...(ttls.length > 0 && { maxTtlMs: Math.min(...ttls) }),
    ...(all.some(({ requireDpop }) => requireDpop) && { requireDpop: true as const }),
    ...(all.some(({ singleUse }) => singleUse) && { singleUse: true as const }),
    ...(approvals.length > 0 && { approval: approvals.join('; ') }),
    reasons: distinct(all.flatMap(({ reason }) => reason ?? [])),
  };
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];
