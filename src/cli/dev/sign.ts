// Signs workload tokens for a development broker, with the key that it trusts.
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { devIssuer } from '../../config/dev-trust.js';
import type { CliEnvironment } from '../../config/environment.js';
import { parseDuration } from '../../domain/duration.js';
import { DEFAULT_URL } from '../broker-command.js';
import { DEV_ALGORITHM, readDevKey } from './key.js';

export interface DevTokenOptions {
  readonly as: string;
  readonly ttl: string;
  readonly claim?: readonly [string, string][];
  readonly data: string;
  readonly issuer?: string;
  readonly audience: string;
}

export async function signDevToken(options: DevTokenOptions, environment: CliEnvironment): Promise<string> {
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

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
