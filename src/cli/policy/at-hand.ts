// The policies and the catalogue that a command is to judge by, or every mistake in either.
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { policyDigest } from '../../config/assemble.js';
import { devTrust } from '../../config/dev-trust.js';
import { loadSettings } from '../../config/load.js';
import { ConfigurationError, type Mistake, mistakeText } from '../../config/mistakes.js';
import { policyPlace, readPolicies } from '../../config/policy-files.js';
import { YamlSource } from '../../config/source.js';
import type { Catalogue } from '../../domain/tool.js';
import type { LoadedPolicies } from '../../policy/cedar/load.js';
import type { Place } from '../../policy/cedar/parse.js';
import { EXIT, Failure } from '../failure.js';
import { configPath } from '../serve.js';
import type { Shell } from '../shell.js';
import type { PolicyOptions } from './options.js';

export interface AtHand {
  readonly catalogue: Catalogue;
  readonly loaded: LoadedPolicies;
  /** As decisions record it. */
  readonly digest: string;
  /** Where the policies are. */
  readonly folder: string;
  /** The place as somebody can go to it from the working folder. */
  readonly placed: (place: Place) => Place;
}

/** @throws Failure with every mistake, of the configuration as well as of the policies */
export async function atHand(options: PolicyOptions, shell: Shell): Promise<AtHand> {
  const file = configPath(options.config ?? shell.environment.configPath);
  const mistakes: Mistake[] = [];
  const catalogue = await mending(mistakes, () => catalogueOf(file));
  const path = options.policies ?? (await mending(mistakes, () => policiesNamedIn(file)));
  const loaded = path === undefined ? undefined : await readPolicies(path, '.');
  // Of the path itself: it stands before what is wrong with it.
  if (typeof loaded === 'string')
    mistakes.push({ file: path!, path: '', message: loaded.slice(`${path}: `.length) });
  else if (loaded && !('set' in loaded)) mistakes.push(...loaded);
  if (mistakes.length > 0) throw mistaken(mistakes);
  if (path === undefined || typeof loaded !== 'object' || !('set' in loaded))
    throw new Failure(
      EXIT.configuration,
      `${file} names no policies: give --policies, or write \`policies\``,
    );
  return {
    catalogue: catalogue!,
    loaded,
    digest: policyDigest(catalogue!, loaded),
    folder: path.endsWith('.cedar') ? dirname(path) : path,
    placed: (place) => ({ ...place, file: policyPlace(path, place.file) }),
  };
}

/** What `mayfly dev` adds to its files, which need no trust of their own; by a name that no entry has. */
const ADDED = { ...devTrust('mayfly:', { keys: [] }), name: '' };

/** Whoever writes policies has neither the store nor the certificate of the broker, nor the secrets for them. */
async function catalogueOf(file: string): Promise<Catalogue> {
  const instead = { listen: { host: '127.0.0.1', port: 0 }, store: { kind: 'embedded', path: '' } } as const;
  return (await loadSettings(file, { catalogueOnly: true, extraTrust: [ADDED], instead })).catalogue;
}

/** From the working folder on, where the file has it relative to itself. */
async function policiesNamedIn(file: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    // It has been told with the catalogue.
    return undefined;
  }
  const named = new YamlSource(file, text).read(['policies']);
  if (typeof named !== 'string' || named === '') return undefined;
  const near = relative('.', resolve(dirname(file), named));
  return near.startsWith('..') ? resolve(dirname(file), named) : join('.', near);
}

async function mending<T>(mistakes: Mistake[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    mistakes.push(...error.mistakes);
    return undefined;
  }
}

/** Ends a command that cannot do what it should before somebody has corrected something. */
export function mistaken(mistakes: readonly Mistake[]): Failure {
  const inOrder = mistakes.toSorted(
    (a, b) =>
      a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  // One may have been met on two ways.
  const told = new Map(inOrder.map((mistake) => [mistakeText(mistake), mistake]));
  const count = told.size === 1 ? 'one mistake' : `${told.size} mistakes`;
  return new Failure(EXIT.configuration, `${count} to correct:`, [...told.keys()], {
    mistakes: [...told.values()],
  });
}

/** `policies/crm.cedar:3:1` */
export const placeText = ({ file, line, column }: Place): string =>
  line === undefined ? file : `${file}:${line}:${column}`;

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
