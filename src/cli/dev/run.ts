// Runs a broker for development until it is told to stop.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { devTrust } from '../../config/dev-trust.js';
import { LiveSettings } from '../../config/reload.js';
import { startBroker } from '../../main.js';
import { createLog } from '../../telemetry/log.js';
import { untilStopped } from '../running.js';
import type { Shell } from '../shell.js';
import { howToGoOn } from './how-to-go-on.js';
import { keptKey } from './key.js';
import { DEFAULT_PORT, LOOPBACK, freePort } from './port.js';

export interface DevOptions {
  readonly config?: string;
  readonly policies?: string;
  readonly port?: number;
  readonly data: string;
}

/** Beside src/ and dist/ alike, also where npm installed us. */
const SHIPPED = fileURLToPath(new URL('../../../config/mayfly.dev.yaml', import.meta.url));

/**
 * Takes from the file what a developer wants to try, and never where it listens or keeps its state: with a
 * production file, neither its port nor its store is touched by whoever holds a development key.
 *
 * @throws what keeps it from starting
 */
export async function runDev(
  { config = SHIPPED, policies, port: wanted, data }: DevOptions,
  shell: Shell,
): Promise<void> {
  const key = await keptKey(data);
  const port = wanted === 0 ? await freePort() : (wanted ?? DEFAULT_PORT);
  const url = `http://${LOOPBACK}:${port}`;
  const live = await LiveSettings.from(config, {
    ...(policies !== undefined && { policies }),
    extraTrust: [devTrust(url, { keys: [key.publicJwk] })],
    instead: {
      issuer: url,
      listen: { host: LOOPBACK, port },
      store: { kind: 'embedded', path: resolve(data, 'mayfly.dev.db') },
    },
  });
  const log = createLog(live.fixed.logLevel);
  const running = await startBroker(live, log);
  const { catalogue, policies: decided } = live.current;
  shell.out(
    howToGoOn({
      url,
      data,
      tools: catalogue.all(),
      config,
      ...(decided && {
        policies: { count: decided.set.policies.length, ...(policies !== undefined && { path: policies }) },
      }),
      pid: process.pid,
      called: shell.called,
    }),
  );
  await untilStopped(running, live, log);
}
