// `mayfly serve`: runs a broker by a configuration file.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { givenSealKeys } from '../config/environment.js';
import { LiveSettings } from '../config/reload.js';
import { EXIT, Failure } from './failure.js';
import { plain } from './plain.js';
import { starting, untilStopped } from './running.js';
import type { Shell } from './shell.js';

interface ServeOptions {
  readonly config?: string;
  readonly check?: true;
}

const USUAL_PLACES = ['./mayfly.yaml', './config/mayfly.yaml'];

export function addServe(program: Command, shell: Shell): void {
  program
    .command('serve')
    .description('run a broker; SIGHUP reads trust, tools and policies again')
    .option('--config <file>', `its configuration; MAYFLY_CONFIG, or ${USUAL_PLACES.join(' or ')}`)
    .option('--check', 'only say whether the configuration is good')
    .action(async ({ config, check }: ServeOptions) => {
      const path = configPath(config ?? shell.environment.configPath);
      await starting(() => (check ? checkConfiguration(path, shell) : serve(path)));
    });
}

function configPath(named: string | undefined): string {
  const path = named ?? USUAL_PLACES.find((place) => existsSync(place));
  if (path !== undefined) return path;
  throw new Failure(
    EXIT.configuration,
    `there is no configuration: give --config, set MAYFLY_CONFIG, or write ${USUAL_PLACES.join(' or ')}`,
  );
}

async function checkConfiguration(path: string, shell: Shell): Promise<void> {
  const { fixed, current } = await LiveSettings.from(path);
  givenSealKeys();
  const tools = current.catalogue.all().map(({ name }) => name);
  const trust = current.trust.map(({ name }) => name);
  shell.out(plain(`${path} is good: ${fixed.issuer}, trust ${trust.join(' ')}, tools ${tools.join(' ')}`));
}

async function serve(path: string): Promise<void> {
  const live = await LiveSettings.from(path);
  // Only here: no other command needs the server, and each of them starts faster without it.
  const [{ startBroker }, { createLog }] = await Promise.all([
    import('../main.js'),
    import('../telemetry/log.js'),
  ]);
  const log = createLog(live.fixed.logLevel);
  await untilStopped(await startBroker(live, log), live, log);
}
