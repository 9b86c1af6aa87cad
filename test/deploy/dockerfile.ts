// Reads the Dockerfile as far as ours goes: stages, their instructions, and what .dockerignore lets through.
import { readFileSync } from 'node:fs';

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  /** The image that it begins with, with arguments filled in. */
  readonly base: string;
  /** Absent where no other stage needs it. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(path = 'Dockerfile'): readonly Stage[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  const defaults = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', text = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`no instruction: ${line}`);
    if (name === 'ARG') defaults.set(...(text.split('=') as [string, string]));
    else if (name === 'FROM') {
      const filled = text.replaceAll(/\$\{(\w+)\}/g, (_, argument: string) => defaults.get(argument) ?? '');
      const [, base = '', as] = /^(\S+)(?: AS (\w+))?$/.exec(filled) ?? [];
      stages.push({ base, name: as, instructions: [] });
    } else stages.at(-1)!.instructions.push({ name, text });
  }
  return stages;
}

/** The one instruction of this name, or what is said last where there are several. */
export const lastOf = ({ instructions }: Stage, name: string): string | undefined =>
  instructions.findLast((instruction) => instruction.name === name)?.text;

export interface Copy {
  /** The stage that it copies from; undefined for the build context. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

export function readCopy(text: string): Copy {
  const words = text.split(' ');
  const options = words.filter((word) => word.startsWith('--'));
  const paths = words.slice(options.length);
  const [from, ...others] = options.map((option) => /^--from=(\w+)$/.exec(option)?.[1]);
  if (others.length > 0 || (options.length > 0 && from === undefined))
    throw new Error(`not expected: COPY ${text}`);
  return { from, sources: paths.slice(0, -1), target: paths.at(-1)! };
}

/** Whether something at the top of the repository becomes a part of the build context. The last pattern that fits decides. */
export function isInContext(name: string, path = '.dockerignore'): boolean {
  const patterns = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const deciding = patterns.findLast(
    (pattern) => pattern === '*' || pattern === name || pattern === `!${name}`,
  );
  return deciding === undefined || deciding.startsWith('!');
}
