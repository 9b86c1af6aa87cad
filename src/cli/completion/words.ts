// What may stand behind each command: the commands below it, its options, and what these take.
import type { Command, Option } from 'commander';

export interface Words {
  /** The names of the commands that lead here: empty for the program itself. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly OptionWord[];
  /** What its first argument may be. */
  readonly choices: readonly string[];
}

export interface OptionWord {
  /** `--limit`, or `-h`. */
  readonly name: string;
  readonly about: string;
  readonly takes: 'nothing' | 'file' | 'folder' | 'choice' | 'something';
  readonly choices: readonly string[];
}

export function wordsOf(command: Command, path: readonly string[] = []): Words[] {
  const below = command.createHelp().visibleCommands(command);
  const own = {
    path,
    commands: below.map((one) => ({ name: one.name(), about: one.description() })),
    options: command.createHelp().visibleOptions(command).flatMap(optionWords),
    choices: [...(command.registeredArguments[0]?.argChoices ?? [])],
  };
  return [own, ...below.flatMap((one) => wordsOf(one, [...path, one.name()]))];
}

function optionWords({
  long,
  short,
  description,
  argChoices,
  flags,
  required,
  optional,
}: Option): OptionWord[] {
  const placeholder = /[<[](\w+)/.exec(flags)?.[1];
  const takes =
    !required && !optional ? 'nothing' : argChoices ? 'choice' : (FILES[placeholder ?? ''] ?? 'something');
  return [long, short]
    .filter((name) => name !== undefined)
    .map((name) => ({ name, about: description, takes, choices: argChoices ?? [] }));
}

/** By what stands in the usage: `--out <file>`. */
const FILES: Readonly<Record<string, 'file' | 'folder'>> = { file: 'file', folder: 'folder', path: 'file' };
