// A broker that runs until it is told to stop, and the ways in which it may not start.
import { constants } from 'node:os';
import type { LiveSettings } from '../config/reload.js';
import { ConfigurationError } from '../config/mistakes.js';
import { EXIT, Failure } from './failure.js';

export interface Running {
  readonly url: string;
  rereadCertificate(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Waits for SIGTERM or SIGINT, then for what is in flight; a second one ends that wait. SIGHUP reloads. */
export async function untilStopped(running: Running, live: LiveSettings, log: RunningLog): Promise<void> {
  const reload = (): void => {
    void reloadLogged(live, log);
    void running.rereadCertificate();
  };
  process.on('SIGHUP', reload);
  const signal = await nextSignal();
  process.once('SIGTERM', impatient).once('SIGINT', impatient);
  log.info({ signal }, 'stopping: a second signal does not wait for what is in flight');
  await running.stop();
  process.off('SIGHUP', reload).off('SIGTERM', impatient).off('SIGINT', impatient);
}

const impatient = (second: NodeJS.Signals): never => process.exit(128 + constants.signals[second]);

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      process.off('SIGTERM', stop).off('SIGINT', stop);
      resolve(signal);
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });
}

async function reloadLogged(live: Pick<LiveSettings, 'reload'>, log: RunningLog): Promise<void> {
  try {
    const { swapped, ...told } = await live.reload();
    if (swapped) log.info(told, 'the configuration was reloaded');
    else if ('mistakes' in told)
      log.error(told, 'the configuration was not reloaded: the old one stays in force');
    else log.warn(told, 'the configuration was not reloaded');
  } catch (error) {
    log.error({ err: error }, 'the configuration was reloaded, and something could not follow');
  }
}

/** Faults of the start that somebody can do something about, by their codes; undefined for any other. */
function startFailure(error: unknown): Failure | undefined {
  if (error instanceof ConfigurationError) return new Failure(EXIT.configuration, error.message);
  const { code, message, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  switch (code) {
    case 'ERR_SEAL':
      return new Failure(EXIT.configuration, message);
    case 'EADDRINUSE':
      return new Failure(
        EXIT.unavailable,
        `port ${port} at ${address} is taken: choose another one, or end what listens there`,
      );
    case 'ERR_STORE_UNAVAILABLE':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
      return new Failure(EXIT.unavailable, message);
    default:
      return undefined;
  }
}

/** Runs what may fail for a reason that a person can mend, and says that reason in one line or a list. */
export async function starting<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw startFailure(error) ?? error;
  }
}
