// The files with secrets in them that a configuration names: not what is in them.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathText } from './mistakes.js';
import { YamlSource } from './source.js';

/** Where a configuration names such files, below the member that comes first. */
const NAMED: readonly (readonly string[])[] = [
  ['tls', 'key_file'],
  ['store', 'password_file'],
  ['store', 'sentinel_password_file'],
  ['store', 'tls', 'key_file'],
];

/** Below the credential of a tool. */
const OF_CREDENTIALS = ['password_file', 'secret_access_key_file', 'session_token_file'];

export interface SecretFile {
  /** As in the configuration: `tls.key_file`. */
  readonly what: string;
  readonly path: string;
}

/** Of a configuration that has no mistake. */
export async function secretFilesOf(path: string): Promise<SecretFile[]> {
  const source = new YamlSource(path, await readFile(path, 'utf8'));
  const folder = dirname(resolve(path));
  const named = NAMED.map((steps) => ({ what: steps.join('.'), file: memberAt(source.value, steps) }));
  const trust: unknown = memberAt(source.value, ['trust']);
  const tokens = (Array.isArray(trust) ? trust : []).map((entry: unknown, index) => ({
    what: `trust[${index}].token_file`,
    file: memberAt(entry, ['token_file']),
  }));
  const tools: unknown = memberAt(source.value, ['tools']);
  const secrets = Object.entries(tools ?? {}).flatMap(([name, tool]: [string, unknown]) =>
    OF_CREDENTIALS.map((member) => ({
      what: pathText(['tools', name, 'credential', member]),
      file: memberAt(tool, ['credential', member]),
    })),
  );
  return [...named, ...tokens, ...secrets].flatMap(({ what, file }) =>
    typeof file === 'string' ? [{ what, path: resolve(folder, file) }] : [],
  );
}

const memberAt = (value: unknown, steps: readonly string[]): unknown =>
  steps.reduce<unknown>(
    (at, step) => (at !== null && typeof at === 'object' ? (at as Record<string, unknown>)[step] : undefined),
    value,
  );
