// `mayfly dev token`: signs a workload token as anybody, for a development broker.
import { type Command, InvalidArgumentError } from 'commander';
import { DEV_AUDIENCE } from '../../config/dev-trust.js';
import { collectPairs, duration } from '../arguments.js';
import { DEFAULT_URL } from '../broker-command.js';
import type { Shell } from '../shell.js';
import type { DevTokenOptions } from './sign.js';

/** Claims with an option of their own, or none to choose. */
const SETTLED = new Set(['iss', 'sub', 'aud', 'exp', 'iat', 'jti']);

export function addDevToken(dev: Command, shell: Shell): void {
  dev
    .command('token')
    .description('print a workload token for the development broker')
    .requiredOption(
      '--as <name>',
      'its sub: agent-1, planner, operator, approver, auditor, verifier or crm-api',
    )
    .option('--ttl <duration>', 'how long it is good for', duration, '1h')
    .option('--claim <name=value>', 'a further claim, JSON or else text; may be repeated', collectClaims)
    .option('--data <folder>', 'where `mayfly dev` keeps its key', './data')
    .option('--issuer <url>', `its iss; /dev at MAYFLY_URL, or at ${DEFAULT_URL}`)
    .option('--audience <name>', 'its aud', DEV_AUDIENCE)
    .action(async (options: DevTokenOptions) => {
      const { signDevToken } = await import('./sign.js');
      shell.out(await signDevToken(options, shell.environment));
    });
}

function collectClaims(written: string, before: readonly [string, string][] = []): [string, string][] {
  const pairs = collectPairs(written, before);
  const [name = ''] = pairs.at(-1) ?? [];
  if (SETTLED.has(name)) throw new InvalidArgumentError(`${name} is set by an option of its own, or by us.`);
  return pairs;
}
