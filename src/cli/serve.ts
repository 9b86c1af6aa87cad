// `mayfly serve`: runs a broker by a configuration file.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT, Failure } from './failure.js';
import { starting } from './running.js';
import type { Shell } from './shell.js';

interface ServeOptions {
  readonly config?: string;
  readonly check?: true;
}

export const USUAL_PLACES = ['./mayfly.yaml', './config/mayfly.yaml'];

export function addServe(program: Command, shell: Shell): void {
  program
    .command('serve')
    .description('run a broker; SIGHUP reads trust, tools and policies again')
    .option('--config <file>', `its configuration; MAYFLY_CONFIG, or ${USUAL_PLACES.join(' or ')}`)
    .option('--check', 'only say whether the configuration is good')
    .action(async ({ config, check }: ServeOptions) => {
      const path = configPath(config ?? shell.environment.configPath);
      // Only now: no other command needs these parts, and each of them starts faster without.
      if (check)
        await starting(async () => (await import('./serve/check.js')).checkConfiguration(path, shell));
      else await starting(async () => (await import('./serve/run.js')).serve(path));
    });
}

/** The configuration that is meant: as named, or where it usually is. */
export function configPath(named: string | undefined): string {
  const path = named ?? USUAL_PLACES.find((place) => existsSync(place));
  if (path !== undefined) return path;
  throw new Failure(
    EXIT.configuration,
    `there is no configuration: give --config, set MAYFLY_CONFIG, or write ${USUAL_PLACES.join(' or ')}`,
  );
}
