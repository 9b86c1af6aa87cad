// Processes full of verifiers: started, told what to honour, and asked when the last one stopped.
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export interface WatchersTerms {
  readonly count: number;
  /** Brokers, in turn. */
  readonly urls: readonly string[];
  readonly issuer: string;
  readonly token: string;
}

/** Since they began. */
export interface Counts {
  /** Acceptances of what was dead. */
  readonly wrong: number;
  readonly probes: number;
  /** Refusals of what was alive, because nothing had been heard for too long. */
  readonly stale: number;
}

export type ToWatchers =
  | { readonly kind: 'open'; readonly terms: WatchersTerms }
  | { readonly kind: 'honour'; readonly credentials: readonly string[] }
  | { readonly kind: 'close' };

export type FromWatchers =
  | { readonly kind: 'opened' | 'honouring' }
  /** `lastAt`: of the machine's monotonic clock, in milliseconds. */
  | ({ readonly kind: 'refusing'; readonly lastAt: number } & Counts);

type Refusing = Extract<FromWatchers, { kind: 'refusing' }>;

const script = new URL('watchers.ts', import.meta.url).pathname;
/** A verifier that does not hear of a kill at all is a fault, and not a figure. */
const LONGEST_MS = 30_000;

export class Watching {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** So many verifiers, in so many processes. */
  static async start(processes: number, dist: string, terms: WatchersTerms): Promise<Watching> {
    const kit = pathToFileURL(path.join(dist, 'sdk', 'verifier', 'index.js')).href;
    const children = Array.from({ length: processes }, () =>
      fork(script, [kit], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));
    const watching = new Watching(children);
    const share = Math.ceil(terms.count / processes);
    await watching.#all('opened', (at) => ({
      kind: 'open',
      terms: { ...terms, count: Math.min(share, terms.count - at * share) },
    }));
    return watching;
  }

  /** Resolves when every verifier has accepted what it was shown. */
  async honour(credentials: readonly string[]): Promise<void> {
    await this.#all('honouring', () => ({ kind: 'honour', credentials }));
  }

  /** When the last of all verifiers had refused everything. Ask before you kill. */
  async allRefusing(): Promise<{ readonly lastAt: number } & Counts> {
    const said = (await this.#all('refusing')) as Refusing[];
    return {
      lastAt: Math.max(...said.map(({ lastAt }) => lastAt)),
      wrong: said.reduce((sum, { wrong }) => sum + wrong, 0),
      probes: said.reduce((sum, { probes }) => sum + probes, 0),
      stale: said.reduce((sum, { stale }) => sum + stale, 0),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map((child) => {
        const exited = once(child, 'exit');
        child.send({ kind: 'close' } satisfies ToWatchers);
        return exited;
      }),
    );
  }

  #all(kind: FromWatchers['kind'], tell?: (at: number) => ToWatchers): Promise<FromWatchers[]> {
    return Promise.all(
      this.#children.map(async (child, at) => {
        const said = answerOf(child, kind);
        if (tell) child.send(tell(at));
        return said;
      }),
    );
  }
}

function answerOf(child: ChildProcess, kind: FromWatchers['kind']): Promise<FromWatchers> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(late);
      child.off('message', hear).off('exit', ended);
    };
    const hear = (message: FromWatchers): void => {
      if (message.kind !== kind) return;
      done();
      resolve(message);
    };
    const ended = (): void => {
      done();
      reject(new Error('a process of verifiers ended'));
    };
    const late = setTimeout(() => {
      done();
      reject(new Error(`not every verifier was ${kind} within ${LONGEST_MS} ms`));
    }, LONGEST_MS);
    child.on('message', hear).on('exit', ended);
  });
}
