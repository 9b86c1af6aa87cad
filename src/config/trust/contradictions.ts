// What entries of trust say against each other, against the catalogue, and within themselves.
import { awsIssuer } from '../../domain/aws-sts.js';
import { showDuration } from '../../domain/duration.js';
import { anyMatches } from '../../domain/glob.js';
import { RUN_WAITS_MS } from '../../domain/run.js';
import type { TrustedIssuer } from '../../identity/trust.js';
import type { Draft } from '../draft.js';
import type { Path } from '../mistakes.js';
import { sameUri } from '../same-uri.js';
import type { TrustDraft } from './draft.js';
import { claimsOf, type Rule } from './rules.js';

type Say = (path: Path, message: string) => void;
type Given = (path: Path) => boolean;

/** Trust that the file does not name itself stands beside what it names, and must not collide with it. */
export function trustContradictions(
  draft: Draft,
  given: Given,
  extra: readonly Pick<TrustedIssuer, 'name' | 'issuer'>[],
  say: Say,
): void {
  if (draft.trust.length === 0 && extra.length === 0)
    say(['trust'], 'must name at least one issuer, or nobody can call');
  const names = new Set(extra.map((one) => one.name));
  const issuers = new Map(extra.map((one) => [one.issuer, one.name]));
  draft.trust.forEach((entry, index) => {
    const at = (...path: (string | number)[]): Path => ['trust', index, ...path];
    const has = (name: string): boolean => given(at(name));
    const { name, issuer, trust_domain: domain } = entry;
    onlyAudience(entry, (path, message) => say(at(...path), message));
    placesOfKeys(entry, has, (member, message) => say(at(member), message));
    if (name !== undefined) {
      if (names.has(name)) say(at('name'), `${name} is taken: give each trusted issuer its own name`);
      names.add(name);
    }
    const vouched = entry.kind === 'spiffe' ? domain && `spiffe://${domain}` : issuer;
    if (vouched === undefined) return;
    const place = entry.kind === 'spiffe' ? 'trust_domain' : 'issuer';
    const holder = issuers.get(vouched);
    if (holder !== undefined) say(at(place), takenBy(entry, holder));
    else issuers.set(vouched, name ?? `trust[${index}]`);
    const own = draft.issuer === undefined ? [] : [draft.issuer, awsIssuer(draft.issuer)];
    if (own.some((one) => sameUri(vouched, one)))
      say(at(place), 'is this broker itself, whose credentials are never workload tokens');
    otherTrustDomains(entry, (path, message) => say(at(...path), message));
  });
  runContradictions(draft, say);
}

/** Clusters are often left with one name for all of them, so that nobody could tell whose tokens are whose. */
const takenBy = ({ kind }: TrustDraft, holder: string): string =>
  kind === 'kubernetes'
    ? `is the issuer of ${holder} as well: put the roles of both in one entry, or, if they are two clusters, give each its own --service-account-issuer`
    : `is the ${kind === 'spiffe' ? 'trust domain' : 'issuer'} of ${holder} as well: put the roles of both in one entry`;

function placesOfKeys(
  entry: TrustDraft,
  has: (member: string) => boolean,
  say: (member: string, message: string) => void,
): void {
  const exclude = (one: keyof TrustDraft, other: keyof TrustDraft): void => {
    if (entry[one] !== undefined && entry[other] !== undefined)
      say(one, `cannot be given together with ${other}: keep one`);
  };
  exclude('jwks_file', 'jwks_uri');
  exclude('bundle_file', 'bundle_endpoint');
  if (entry.kind === 'spiffe' && !has('bundle_file') && !has('bundle_endpoint'))
    say(
      'bundle_file',
      'is missing: a file with the bundle of the trust domain, or bundle_endpoint with its URL',
    );
  for (const file of ['jwks_file', 'bundle_file']) {
    for (const member of ['ca_file', 'token_file']) {
      if (has(file) && has(member))
        say(member, `is for asking a server, and with ${file} none is asked: keep one`);
    }
  }
}

/** Each rule, and where it stands. */
const rulesOf = (roles: TrustDraft['roles']): { role: string; rule: Rule; at: Path }[] =>
  Object.entries(roles).flatMap(([role, rules]) =>
    [rules].flat().map((rule: Rule, index) => {
      const at = ['roles', role, ...(Array.isArray(rules) ? [index] : [])];
      return { role, rule, at };
    }),
  );

/** The audience was compared already: of a rule that names nothing else, all that its issuer vouches for have it. */
function onlyAudience({ audience, roles }: TrustDraft, say: Say): void {
  for (const { role, rule, at } of rulesOf(roles)) {
    const { iss: _, aud, ...others } = claimsOf(rule);
    if (audience === undefined || aud === undefined || Object.keys(others).length > 0) continue;
    if (audience.every((one) => anyMatches([aud].flat().map(String), one)))
      say(
        [...at, 'aud'],
        `is in every token, so it would make everybody ${role}: name a claim that tells them apart`,
      );
  }
}

/** A rule of another trust domain would look as if it gave something. */
function otherTrustDomains({ kind, trust_domain: domain, roles }: TrustDraft, say: Say): void {
  if (kind !== 'spiffe' || domain === undefined) return;
  for (const { rule, at } of rulesOf(roles)) {
    const ids = [rule['spiffe_id'] ?? []].flat().map(String);
    if (!ids.every((id) => id.startsWith(`spiffe://${domain}/`)))
      say([...at, 'spiffe_id'], `is not of the trust domain ${domain}, so it would match nobody`);
  }
}

function runContradictions(
  { trust, tools, tasks, task_retention: retention = Infinity }: Draft,
  say: Say,
): void {
  if (retention < RUN_WAITS_MS && trust.some(({ kind, runs }) => kind === 'github' && runs !== undefined))
    say(
      ['task_retention'],
      `must be at least ${showDuration(RUN_WAITS_MS)} where runs have tasks: a run that goes on after the end of its task was forgotten would open it again`,
    );
  const prefixes = new Map<string, string>();
  trust.forEach(({ runs, name = '', roles, kind }, index) => {
    if (kind !== 'github' || runs === undefined) return;
    const at = (...path: (string | number)[]): Path => ['trust', index, 'runs', ...path];
    const { task_prefix: prefix, ttl } = runs;
    const taken = [...prefixes].find(([one]) => one.startsWith(prefix) || prefix.startsWith(one));
    if (taken) say(at('task_prefix'), `is that of ${taken[1]} as well, or begins like it: give each its own`);
    prefixes.set(prefix, name);
    if (tasks && ttl > tasks.max_ttl)
      say(at('ttl'), `must not be longer than tasks.max_ttl (${showDuration(tasks.max_ttl)})`);
    if (roles['agent'] === undefined)
      say(at(), 'needs a rule for the role agent: the first exchange of an agent opens the task of its run');
    runs.tools.forEach(({ tool, actions }, place) => {
      const known = tools.find((one) => one.name === tool);
      if (tools.length > 0 && !known)
        say(at('tools', place, 'tool'), `${JSON.stringify(tool)} is not in the catalogue under tools`);
      actions.forEach((action, actionIndex) => {
        if (known?.actions && !known.actions.includes(action))
          say(
            at('tools', place, 'actions', actionIndex),
            `${JSON.stringify(action)} is no action of ${tool}`,
          );
      });
    });
  });
}
