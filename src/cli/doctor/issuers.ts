// Each trusted issuer: whether its keys are to be had, whether any of them verifies what it may sign with, and its clock.
import { SECOND_MS } from '../../domain/duration.js';
import type { Fetch } from '../../identity/document.js';
import { KeySet, type KeyUse } from '../../jws/key-set.js';
import { originOf, readKeys, useOf } from '../../identity/key-origin.js';
import { fetchWithAuthorities } from '../../identity/private-fetch.js';
import type { TrustedIssuer } from '../../identity/trust.js';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../jws/algorithms.js';
import { type Trouble, troubleIn } from './causes.js';
import { clockFinding } from './clock.js';
import { type Finding, broken, caution, ok } from './finding.js';

export async function issuerFindings(trust: TrustedIssuer): Promise<Finding[]> {
  const check = `issuer.${trust.name}`;
  const origin = originOf(trust);
  const use = useOf(origin);
  if (origin.from === 'configuration') return keyFindings(check, trust, origin.keys, use);
  const clock = new HeardClock();
  try {
    const { keys } = await readKeys(clock.fetch, origin);
    return [...keyFindings(check, trust, keys, use), ...clockFindings(trust, clock)];
  } catch (error) {
    const { why, todo } = troubleWith(error);
    return [
      broken(check, `the keys of ${trust.issuer} cannot be had: ${why}`, todo),
      ...clockFindings(trust, clock),
    ];
  }
}

/** What went wrong in the documents themselves, by what the reader of them says. */
const SAID: readonly (readonly [said: RegExp, todo: string])[] = [
  [
    /names another issuer/,
    'Set `issuer` to exactly what that document calls itself, letter by letter, or name the keys by jwks_uri.',
  ],
  [/names no jwks_uri|names a jwks_uri on this machine/, 'Name the keys by jwks_uri.'],
  [
    /answered 40[13]$/,
    'It wants to know who asks: for a cluster set token_file, and bind system:service-account-issuer-discovery to that account.',
  ],
  [/answered 404$/, 'There is no such document: correct `issuer`, or name the keys by jwks_uri.'],
  [/answered \d+$/, 'Look at the log of the issuer.'],
  [
    /strict JSON object|has no keys|is over \d+ bytes/,
    'What answers there is no issuer: correct the address.',
  ],
  [/is not https/, 'Use https: over plain http, anybody in between could put keys of their own there.'],
  [
    /cannot be read|holds no |no SPIFFE bundle/,
    'Correct the file, or its name in the configuration; it is read at each use.',
  ],
];

function troubleWith(error: unknown): Trouble {
  const message = error instanceof Error ? error.message : String(error);
  const said = SAID.find(([pattern]) => pattern.test(message));
  return said ? { why: message, todo: said[1] } : troubleIn(error);
}

function keyFindings(check: string, trust: TrustedIssuer, keys: readonly unknown[], use: KeyUse): Finding[] {
  const { issuer, algorithms } = trust;
  if (keys.length === 0)
    return [
      broken(
        check,
        `${issuer} publishes no key at all: none of its tokens is accepted`,
        'Is it set up? An empty bundle or JWKS trusts nobody.',
      ),
    ];
  const verifies = new Set(keys.flatMap((key) => verifiedBy(key, use)));
  const served = algorithms.filter((algorithm) => verifies.has(algorithm));
  if (served.length === 0) {
    const has = [...verifies].join(' ') || 'no algorithm that we know';
    return [
      broken(
        check,
        `none of the ${keys.length} keys of ${issuer} is for ${algorithms.join(' ')}: they are for ${has}`,
        verifies.size > 0
          ? 'Set `algorithms` to what it signs with.'
          : 'It publishes keys for another use, private keys, or weak ones: none can be trusted.',
      ),
    ];
  }
  const idle = algorithms.filter((algorithm) => !verifies.has(algorithm));
  const good = ok(check, `${issuer}: ${keys.length} keys, of use for ${served.join(' ')}`);
  // A trust domain names what SPIRE can sign with, and signs with one of them.
  if (idle.length === 0 || trust.kind === 'spiffe') return [good];
  return [
    good,
    caution(
      check,
      `${issuer} has no key for ${idle.join(' ')}`,
      'Take out of `algorithms` what it does not sign with.',
    ),
  ];
}

const verifiedBy = (key: unknown, use: KeyUse): SignatureAlgorithm[] => {
  const set = new KeySet([key], use);
  return SIGNATURE_ALGORITHMS.filter((algorithm) => set.find(undefined, algorithm) !== undefined);
};

/** Hears what time it is where the documents come from. */
class HeardClock {
  aheadMs: number | undefined;

  readonly fetch: Fetch = async (url, asking) => {
    const asked = Date.now();
    const answer = await fetchWithAuthorities(url, asking);
    const date = Date.parse(answer.headers?.get('date') ?? '');
    // It was so late at some time within its second, and while the answer was on its way.
    if (!Number.isNaN(date)) this.aheadMs = date + SECOND_MS / 2 - (asked + Date.now()) / 2;
    return answer;
  };
}

function clockFindings({ name, clockToleranceMs }: TrustedIssuer, { aheadMs }: HeardClock): Finding[] {
  if (aheadMs === undefined) return [];
  const harm =
    aheadMs > 0
      ? 'more than clock_tolerance, so fresh tokens of it are refused as of the future'
      : 'more than clock_tolerance, so its tokens end early here';
  const terms = { mostMs: clockToleranceMs, harm };
  return [clockFinding(`clock.${name}`, `the clock of issuer ${name}`, aheadMs, terms)];
}
