// `mayfly dev`: a broker for one developer on this machine, and tokens to try it with.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { devTrust } from '../config/dev-trust.js';
import { LiveSettings } from '../config/reload.js';
import { howToGoOn } from './dev/how-to-go-on.js';
import { keptKey } from './dev/key.js';
import { DEFAULT_PORT, LOOPBACK, freePort, portArgument } from './dev/port.js';
import { addDevToken } from './dev/token.js';
import { starting, untilStopped } from './running.js';
import type { Shell } from './shell.js';

interface DevOptions {
  readonly config?: string;
  readonly port?: number;
  readonly data: string;
}

/** Beside src/ and dist/ alike, also where npm installed us. */
const SHIPPED = fileURLToPath(new URL('../../config/mayfly.dev.yaml', import.meta.url));

export function addDev(program: Command, shell: Shell): void {
  const dev = program
    .command('dev')
    .description('run a broker for development, on this machine only')
    .option('--config <file>', 'tools, policies and further trust; the shipped mayfly.dev.yaml')
    .option('--port <number>', `where to listen, 0 for any; ${DEFAULT_PORT}`, portArgument)
    .option('--data <folder>', 'where its store and its key are kept', './data')
    .action((options: DevOptions) => starting(() => runDev(options, shell)));
  addDevToken(dev, shell);
}

/**
 * Takes from the file what a developer wants to try, and never where it listens or keeps its state: with a
 * production file, neither its port nor its store is touched by whoever holds a development key.
 */
async function runDev({ config = SHIPPED, port: wanted, data }: DevOptions, shell: Shell): Promise<void> {
  const key = await keptKey(data);
  const port = wanted === 0 ? await freePort() : (wanted ?? DEFAULT_PORT);
  const url = `http://${LOOPBACK}:${port}`;
  const live = await LiveSettings.from(config, {
    extraTrust: [devTrust(url, { keys: [key.publicJwk] })],
    instead: {
      issuer: url,
      listen: { host: LOOPBACK, port },
      store: { kind: 'embedded', path: resolve(data, 'mayfly.dev.db') },
    },
  });
  const [{ startBroker }, { createLog }] = await Promise.all([
    import('../main.js'),
    import('../telemetry/log.js'),
  ]);
  const log = createLog(live.fixed.logLevel);
  const running = await startBroker(live, log);
  shell.out(howToGoOn({ url, data, tools: live.current.catalogue.all(), called: shell.called }));
  await untilStopped(running, live, log);
}
