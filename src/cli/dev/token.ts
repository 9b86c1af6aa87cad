// `mayfly dev token`: signs a workload token as anybody, for a development broker.
import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { SignJWT } from 'jose';
import { DEV_AUDIENCE, devIssuer } from '../../config/dev-trust.js';
import { parseDuration } from '../../domain/duration.js';
import { collectPairs, duration } from '../arguments.js';
import { DEFAULT_URL } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { DEV_ALGORITHM, readDevKey } from './key.js';

interface DevTokenOptions {
  readonly as: string;
  readonly ttl: string;
  readonly claim?: readonly [string, string][];
  readonly data: string;
  readonly issuer?: string;
  readonly audience: string;
}

/** Claims with an option of their own, or none to choose. */
const SETTLED = new Set(['iss', 'sub', 'aud', 'exp', 'iat', 'jti']);

export function addDevToken(dev: Command, shell: Shell): void {
  dev
    .command('token')
    .description('print a workload token for the development broker')
    .requiredOption('--as <name>', 'its sub: agent-1, planner, operator, approver, auditor or crm-api')
    .option('--ttl <duration>', 'how long it is good for', duration, '1h')
    .option('--claim <name=value>', 'a further claim, JSON or else text; may be repeated', collectClaims)
    .option('--data <folder>', 'where `mayfly dev` keeps its key', './data')
    .option('--issuer <url>', `its iss; /dev at MAYFLY_URL, or at ${DEFAULT_URL}`)
    .option('--audience <name>', 'its aud', DEV_AUDIENCE)
    .action(async (options: DevTokenOptions) => shell.out(await devToken(options, shell)));
}

async function devToken(options: DevTokenOptions, { environment }: Shell): Promise<string> {
  const { as, ttl, claim = [], data, audience } = options;
  const issuer = options.issuer ?? devIssuer((environment.url ?? DEFAULT_URL).replace(/\/+$/, ''));
  const { kid, privateKey } = await readDevKey(data);
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(Object.fromEntries(claim.map(([name, value]) => [name, jsonOrText(value)])))
    .setProtectedHeader({ alg: DEV_ALGORITHM, kid, typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(as)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.floor(parseDuration(ttl)! / 1000))
    .setJti(randomUUID())
    .sign(privateKey);
}

function collectClaims(written: string, before: readonly [string, string][] = []): [string, string][] {
  const pairs = collectPairs(written, before);
  const [name = ''] = pairs.at(-1) ?? [];
  if (SETTLED.has(name)) throw new InvalidArgumentError(`${name} is set by an option of its own, or by us.`);
  return pairs;
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
