// A workload token, as the configuration would judge it: who it would be, with which roles, and if not, which check fails.
import type { Settings } from '../../config/settings.js';
import { systemClock } from '../../domain/clock.js';
import type { VerifiedPrincipal } from '../../domain/principal.js';
import { ROLES, type Role } from '../../domain/principal.js';
import { Refusal } from '../../domain/refusal.js';
import { Authenticator } from '../../identity/authenticate.js';
import { KeySources } from '../../identity/key-source.js';
import type { ClaimRule, TrustedIssuer } from '../../identity/trust.js';
import { rolesFrom } from '../../identity/roles.js';
import { type ClientOptions, MayflyClient, MayflyError } from '../../sdk/client/index.js';
import { clip } from '../plain.js';
import { adviceFor } from '../why/advice.js';
import { type Finding, broken, caution, ok } from './finding.js';

const CHECK = 'token';

/** By the configuration: nothing is recorded, so that a one-time token stays good. */
export async function tokenFindings(
  token: string,
  { trust, issuer }: Settings,
  ownKey: string | undefined,
): Promise<Finding[]> {
  const clock = systemClock();
  const authenticator = new Authenticator({
    trust,
    ownIssuer: issuer,
    clock,
    store: { once: () => Promise.resolve(true) },
    sources: new KeySources(clock),
  });
  const principal = await authenticator.authenticate(token);
  if (principal instanceof Refusal) return [refused(principal)];
  const entry = trust.find(({ name }) => name === principal.trust)!;
  const held = new Set(principal.roles.map(({ role }) => role));
  const found = [...held].join(', ');
  const misses = missesOf(entry, principal.claims, held).map((miss) => ok('token.roles', miss));
  if (held.size === 0)
    return [
      broken(
        CHECK,
        `it is accepted as ${principal.name}, and has no role: it may do nothing`,
        'Correct the rules under `roles`, or the token; what each rule misses stands below.',
      ),
      ...misses,
    ];
  const ends = new Date(principal.expiresAt).toISOString();
  return [
    ok(CHECK, `it would be ${principal.name}, as ${found}, until ${ends}`),
    ...boundFindings(principal, ownKey),
    ...misses,
  ];
}

function refused({ reason, detail }: Refusal): Finding {
  const advice = adviceFor(reason);
  const why = [reason, detail].filter((part) => part !== undefined && part !== '').join(': ');
  return broken(
    CHECK,
    `it would be refused: ${advice ? `${advice.means} (${why})` : why}`,
    advice?.todo ?? 'Compare it with the configuration.',
  );
}

function boundFindings({ confirmedKey }: VerifiedPrincipal, ownKey: string | undefined): Finding[] {
  if (confirmedKey === undefined) return [];
  if (confirmedKey === ownKey) return [ok(CHECK, 'it is bound to the key of --dpop-key')];
  const found = `it is bound to the key ${confirmedKey}: it is of use only with a proof of that key (DPoP)`;
  return ownKey === undefined
    ? [caution(CHECK, found, 'Give the key with --dpop-key: docs/dpop.md.')]
    : [broken(CHECK, found, `Give that key with --dpop-key, and not ${ownKey}.`)];
}

/** For each role that it has not, the first claim of each rule that does not match. */
function missesOf(
  trust: TrustedIssuer,
  claims: Readonly<Record<string, unknown>>,
  held: ReadonlySet<Role>,
): string[] {
  return ROLES.filter((role) => !held.has(role)).flatMap((role) => {
    const rules = trust.roles.filter(({ grant }) => grant.role === role);
    if (rules.length === 0) return [];
    const misses = rules.map((rule) => {
      const missed = rule.claims.find((one) => rolesFrom([{ ...rule, claims: [one] }], claims).length === 0);
      return missed ? missText(missed, claims) : '';
    });
    return [`not ${role}: ${misses.join('; or ')}`];
  });
}

function missText({ claim, anyOf }: ClaimRule, claims: Readonly<Record<string, unknown>>): string {
  const wanted = anyOf.map((one) => JSON.stringify(one)).join(' or ');
  if (!Object.hasOwn(claims, claim)) return `it has no claim ${claim}, which must be ${wanted}`;
  return `${claim} is ${clip(JSON.stringify(claims[claim]), 120)}, and must be ${wanted}`;
}

/** By a broker alone, which tells nobody why it refuses. */
export async function tokenAtBroker(options: ClientOptions): Promise<Finding[]> {
  try {
    const tools = await new MayflyClient(options).listTools();
    return [ok(CHECK, `the broker accepts it, and it has a role; ${tools.length} tools`)];
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error;
    const { code, message, requestId = 'req_…' } = error;
    const why = `Ask an operator or an auditor: mayfly why ${requestId}. With --config, this command tells by itself.`;
    if (code === 'ERR_FORBIDDEN') return [broken(CHECK, 'the broker accepts it, and it has no role', why)];
    if (code === 'ERR_TOKEN_SOURCE')
      return [broken(CHECK, message, 'Give another file, or with --dpop-key the key that it is bound to.')];
    return [broken(CHECK, `the broker: ${message}`, why)];
  }
}
