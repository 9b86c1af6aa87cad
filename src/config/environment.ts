// The only place that reads the environment: secrets, and what the command line may be told by it.
import { readFileSync } from 'node:fs';
import { Secret } from '../domain/secret.js';
import { ConfigurationError } from './mistakes.js';

export type Environment = Readonly<Record<string, string | undefined>>;

const SEAL_KEY_BYTES = 32;
const HOW_TO_MAKE_ONE = 'make one with: openssl rand -base64 32';

const wrong = (name: string, message: string): ConfigurationError =>
  new ConfigurationError([{ file: 'environment', path: name, message }]);

/** Set to nothing is not set. */
const valueOf = (environment: Environment, name: string): string | undefined =>
  environment[name]?.trim() || undefined;

/**
 * The keys that seal secrets at rest, 32 bytes each as canonical base64: the first seals, all of them open.
 * From `MAYFLY_SEAL_KEY`, several separated by commas, or `MAYFLY_SEAL_KEY_FILE`, one a line.
 * Undefined where neither is set.
 *
 * @throws ConfigurationError (`ERR_CONFIGURATION`) where one is not 32 bytes, or the file has none; never shows any
 */
export function givenSealKeys(environment: Environment = process.env): readonly Secret[] | undefined {
  const direct = valueOf(environment, 'MAYFLY_SEAL_KEY');
  const file = valueOf(environment, 'MAYFLY_SEAL_KEY_FILE');
  if (direct !== undefined && file !== undefined) {
    throw wrong('MAYFLY_SEAL_KEY', 'cannot be set together with MAYFLY_SEAL_KEY_FILE: keep one');
  }
  if (direct !== undefined) return readKeys('MAYFLY_SEAL_KEY', direct.split(','));
  if (file !== undefined) return readKeys('MAYFLY_SEAL_KEY_FILE', linesOf('MAYFLY_SEAL_KEY_FILE', file));
  return undefined;
}

/** The file that seal keys are read from, if they are. */
export const sealKeyFile = (environment: Environment = process.env): string | undefined =>
  valueOf(environment, 'MAYFLY_SEAL_KEY_FILE');

function readKeys(name: string, written: readonly string[]): readonly Secret[] {
  if (written.length === 0) throw wrong(name, `holds no key: ${HOW_TO_MAKE_ONE}`);
  const keys = written.map((text, index) => {
    const bytes = Buffer.from(text.trim(), 'base64');
    const canonical = bytes.toString('base64');
    // Buffer skips what is no base64: only what comes back the same was meant.
    const same =
      canonical.replace(/=+$/, '') ===
      text.trim().replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
    if (!same || bytes.length !== SEAL_KEY_BYTES) {
      throw wrong(name, `key ${index + 1} must be ${SEAL_KEY_BYTES} bytes in base64: ${HOW_TO_MAKE_ONE}`);
    }
    return canonical;
  });
  if (new Set(keys).size < keys.length) throw wrong(name, 'holds the same key twice');
  return keys.map((key) => new Secret(key));
}

function linesOf(name: string, path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    throw wrong(name, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/**
 * The secret in a variable that the configuration names. A line break at its end is not part of it.
 * Undefined where it is not set.
 */
export function namedSecret(name: string, environment: Environment = process.env): Secret | undefined {
  const value = environment[name]?.replace(/\r?\n$/, '') ?? '';
  return value === '' ? undefined : new Secret(value);
}

/** What the command line takes from the environment where no option says otherwise. */
export interface CliEnvironment {
  readonly url?: string;
  /** From `MAYFLY_TOKEN`. */
  readonly token?: Secret;
  /** Read at each use, as platforms replace workload tokens while we run. */
  readonly tokenFile?: string;
  /** The key that credentials are bound to (DPoP). */
  readonly dpopKeyFile?: string;
  readonly configPath?: string;
  /** W3C Trace Context, from `TRACEPARENT`: what our requests are part of. */
  readonly traceparent?: string;
  /** npx runs us, and its user has no `mayfly` to call without it. */
  readonly byNpx?: true;
}

export function cliEnvironment(environment: Environment = process.env): CliEnvironment {
  const url = valueOf(environment, 'MAYFLY_URL');
  const token = valueOf(environment, 'MAYFLY_TOKEN');
  const tokenFile = valueOf(environment, 'MAYFLY_TOKEN_FILE');
  const dpopKeyFile = valueOf(environment, 'MAYFLY_DPOP_KEY_FILE');
  const configPath = valueOf(environment, 'MAYFLY_CONFIG');
  const traceparent = valueOf(environment, 'TRACEPARENT');
  return {
    ...(url !== undefined && { url }),
    ...(token !== undefined && { token: new Secret(token) }),
    ...(tokenFile !== undefined && { tokenFile }),
    ...(dpopKeyFile !== undefined && { dpopKeyFile }),
    ...(configPath !== undefined && { configPath }),
    ...(traceparent !== undefined && isTraceparent(traceparent) && { traceparent }),
    ...(valueOf(environment, 'npm_command') === 'exec' && { byNpx: true }),
  };
}

/**
 * What a command gets that we run for somebody: all that we got, and what is added. Our workload token is not its own:
 * whoever has it can have every credential that we could.
 */
export function commandEnvironment(
  added: Readonly<Record<string, string>>,
  { keepsToken }: { readonly keepsToken: boolean },
  environment: Environment = process.env,
): Record<string, string | undefined> {
  const { MAYFLY_TOKEN: token, ...others } = environment;
  return { ...others, ...(keepsToken && token !== undefined && { MAYFLY_TOKEN: token }), ...added };
}

/** Anything else was not meant for us, and is left out. */
const isTraceparent = (text: string): boolean =>
  /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text);
