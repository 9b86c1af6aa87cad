// `mayfly dev`: a broker for one developer on this machine, and tokens to try it with.
import type { Command } from 'commander';
import { DEFAULT_PORT, portArgument } from './dev/port.js';
import type { DevOptions } from './dev/run.js';
import { addDevToken } from './dev/token.js';
import { starting } from './running.js';
import type { Shell } from './shell.js';

export function addDev(program: Command, shell: Shell): void {
  const dev = program
    .command('dev')
    .description('run a broker for development, on this machine only')
    .option('--config <file>', 'tools, policies and further trust; the shipped mayfly.dev.yaml')
    .option('--policies <path>', 'a folder of Cedar policies, or one file; else those of the configuration')
    .option('--port <number>', `where to listen, 0 for any; ${DEFAULT_PORT}`, portArgument)
    .option('--data <folder>', 'where its store and its key are kept', './data')
    .action((options: DevOptions) =>
      starting(async () => (await import('./dev/run.js')).runDev(options, shell)),
    );
  addDevToken(dev, shell);
}
