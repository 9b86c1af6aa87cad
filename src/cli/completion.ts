// `mayfly completion`: a script that has a shell complete commands, options and their choices; made from the program itself.
import { Argument, type Command } from 'commander';
import { bashScript } from './completion/bash.js';
import { fishScript } from './completion/fish.js';
import { type Words, wordsOf } from './completion/words.js';
import { zshScript } from './completion/zsh.js';
import type { Shell } from './shell.js';

const SCRIPTS: Readonly<Record<string, (words: readonly Words[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export function addCompletion(program: Command, shell: Shell): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in your shell')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
bash:  eval "$(mayfly completion bash)"       in ~/.bashrc
zsh:   eval "$(mayfly completion zsh)"        in ~/.zshrc, after compinit
fish:  mayfly completion fish | source        in ~/.config/fish/config.fish`,
    )
    .action((name: string) => shell.out(SCRIPTS[name]!(wordsOf(program))));
}
