// Runs a broker by its configuration file until it is told to stop.
import { LiveSettings } from '../../config/reload.js';
import { startBroker } from '../../main.js';
import { createLog } from '../../telemetry/log.js';
import { untilStopped } from '../running.js';

/** @throws what keeps it from starting */
export async function serve(path: string): Promise<void> {
  const live = await LiveSettings.from(path);
  const log = createLog(live.fixed.logLevel);
  await untilStopped(await startBroker(live, log), live, log);
}
