// Reads files of cases: all of them with what is common put in, or every mistake at its line.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkAgainst } from '../../config/issues.js';
import { ConfigurationError, type Mistake } from '../../config/mistakes.js';
import { YamlSource } from '../../config/source.js';
import type { AtHand } from './at-hand.js';
import { mistaken } from './at-hand.js';
import { slipsIn } from './case-slips.js';
import type { WrittenCase } from './case-schema.js';
import { caseFileSchema } from './case-schema.js';

export interface Case extends WrittenCase {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** Of these files, or of those beside the policies. @throws Failure with every mistake in any of them */
export async function readCases(files: readonly string[], at: AtHand): Promise<Case[]> {
  const mistakes: Mistake[] = [];
  const cases: Case[] = [];
  for (const file of files.length > 0 ? files : await filesBeside(at)) {
    try {
      const read = casesIn(new YamlSource(file, await textOf(file)), at);
      cases.push(...read.cases);
      mistakes.push(...read.mistakes);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      mistakes.push(...error.mistakes);
    }
  }
  if (mistakes.length > 0) throw mistaken(mistakes);
  return cases;
}

const filesBeside = async ({ folder }: AtHand): Promise<string[]> =>
  (await readdir(folder))
    .filter((name) => name.endsWith('.test.yaml'))
    .toSorted()
    .map((name) => join(folder, name));

async function textOf(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message =
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'must be UTF-8 text' : `cannot be read (${code})`;
    throw new ConfigurationError([{ file, path: '', message }]);
  }
}

function casesIn(source: YamlSource, at: AtHand): { cases: Case[]; mistakes: readonly Mistake[] } {
  const { data, mistakes } = checkAgainst(caseFileSchema, source);
  const flaws = [...source.flaws, ...mistakes];
  if (data === undefined || flaws.length > 0) return { cases: [], mistakes: flaws };
  const cases = data.cases.map((own, index) => {
    const { file, line, column } = source.keyMistake(['cases', index], '');
    return {
      ...merged(data.defaults ?? {}, own),
      file,
      ...(line !== undefined && { line, column: column! }),
    };
  });
  return { cases, mistakes: slipsIn(cases, data.cases, source, at) };
}

/** What a case says stands for the default; of its principal and its task, member by member. */
const merged = (defaults: Omit<WrittenCase, 'name'>, own: WrittenCase): WrittenCase => ({
  ...defaults,
  ...own,
  ...((defaults.principal ?? own.principal) && { principal: { ...defaults.principal, ...own.principal } }),
  ...((defaults.task ?? own.task) && { task: { ...defaults.task, ...own.task } }),
});
