// Reads a configuration file: the settings, or one error with every mistake in it.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { assemble, type NamedFiles } from './assemble.js';
import { certificateFiles, readCertificate } from './certificate-files.js';
import { contradictionsIn } from './contradictions.js';
import { readCredentialFiles } from './credential/files.js';
import { type Draft, draftOf } from './draft.js';
import { checkAgainst } from './issues.js';
import type { LoadOptions } from './load-options.js';
import { ConfigurationError, type Mistake, type Path } from './mistakes.js';
import { readPolicies } from './policy-files.js';
import { configurationSchema } from './schema.js';
import { readRedisFiles } from './redis-files.js';
import type { Settings } from './settings.js';
import { YamlSource } from './source.js';
import { readTrustFiles } from './trust/files.js';

/**
 * Reads the file, and the files that it names.
 *
 * @throws ConfigurationError (`ERR_CONFIGURATION`) with every mistake, each at its line
 * @example
 * const settings = await loadSettings('config/mayfly.yaml');
 */
export async function loadSettings(path: string, options: LoadOptions = {}): Promise<Settings> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message =
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'must be UTF-8 text' : `cannot be read (${code})`;
    throw new ConfigurationError([{ file: path, path: '', message }]);
  }
  return settingsFrom(text, path, options);
}

/** The same for a text at hand; paths in it are relative to the folder of `path`. */
export async function settingsFrom(text: string, path: string, options: LoadOptions = {}): Promise<Settings> {
  const { extraTrust = [] } = options;
  const source = new YamlSource(path, text);
  const folder = dirname(resolve(path));
  const { data, mistakes } = checkAgainst(configurationSchema, source);
  const draft = draftOf(source.value);
  const files = await readNamedFiles(draft, folder, source, options);
  // What is wrong by itself needs no second complaint that it contradicts something.
  const blamed = new Set(mistakes.map((mistake) => mistake.path));
  const contradictions = blamed.has('')
    ? []
    : contradictionsIn(draft, source, extraTrust).filter((mistake) => !blamed.has(mistake.path));
  const all = [...source.flaws, ...mistakes, ...contradictions, ...files.mistakes];
  if (data === undefined || all.length > 0) throw new ConfigurationError(all);
  return assemble(data, folder, files, options);
}

async function readNamedFiles(
  draft: Draft,
  folder: string,
  source: YamlSource,
  options: LoadOptions,
): Promise<NamedFiles & { readonly mistakes: readonly Mistake[] }> {
  const { instead, environment, keepsCertificate = false, catalogueOnly } = options;
  const mistakes: Mistake[] = [];
  const say = (path: Path, message: string): void => void mistakes.push(source.mistake(path, message));
  const keySets = catalogueOnly ? new Map() : await readTrustFiles(draft.trust, folder, say);
  if (!keepsCertificate && instead?.listen === undefined) await checkCertificate(draft.tls, folder, say);
  // A developer who does without the file's store needs nothing that opens it.
  const usesRedis = draft.store.kind === 'redis' && instead?.store === undefined;
  const redis = usesRedis ? await readRedisFiles(draft.store, folder, environment, say) : {};
  const credentials = catalogueOnly ? new Map() : await readCredentialFiles(draft, folder, environment, say);
  const read = { keySets, redis, credentials, mistakes };
  const path = options.policies ?? draft.policies;
  if (path === undefined || catalogueOnly) return read;
  // As the configuration itself is told of: from the working folder, or as whoever named it did.
  const policies = await readPolicies(path, options.policies === undefined ? dirname(source.file) : '.');
  if (typeof policies === 'string' && options.policies === undefined) say(['policies'], policies);
  else if (typeof policies === 'string')
    mistakes.push({ file: path, path: '', message: policies.slice(`${path}: `.length) });
  else if ('set' in policies) return { ...read, policies };
  else mistakes.push(...policies);
  return read;
}

async function checkCertificate(
  tls: Draft['tls'],
  folder: string,
  say: (path: Path, message: string) => void,
): Promise<void> {
  if (!tls) return;
  const read = await readCertificate(certificateFiles(tls, folder));
  if ('flaws' in read) for (const { member, what } of read.flaws) say(['tls', member], what);
}
