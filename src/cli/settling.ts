// Waits, in sight of a person, until targets have let go of the credentials that a kill named. The kill itself is done.
import { showDuration } from '../domain/duration.js';
import { MayflyError } from '../sdk/client/index.js';
import { EXIT, Failure } from './failure.js';
import type { Shell } from './shell.js';

/** Credentials whose targets have not answered for them yet. */
export interface Unsettled {
  readonly left: number;
  /** There may be more than `left`. */
  readonly atLeast: boolean;
}

export interface Settled {
  readonly settled: number;
  readonly left: number;
  /** The person did not want to wait any longer. */
  readonly interrupted: boolean;
}

const LOOK_EVERY_MS = 500;
/** Where much is left, a look costs the broker more, and little changes from one to the next. */
const LOOK_AT_MUCH_EVERY_MS = 2_000;
const LINE_EVERY_MS = 5_000;
/** The rate is that of the last so many looks. */
const LOOKS_FOR_A_RATE = 20;

type Watcher = Pick<Shell, 'errorIsTerminal' | 'live' | 'err' | 'onInterrupt'>;

/**
 * Resolves when nothing is left, when `forMs` have gone by, or when the person says stop.
 *
 * @param total how many there were, as far as is known
 * @param look asks the broker, with bounded cost, and until the signal ends it
 */
export async function untilSettled(
  shell: Watcher,
  total: number,
  look: (call: { readonly signal: AbortSignal }) => Promise<Unsettled>,
  forMs = Infinity,
): Promise<Settled> {
  const progress = new Progress(total);
  const stop = new AbortController();
  const off = shell.onInterrupt(() => stop.abort());
  const until = performance.now() + forMs;
  let lineAt = performance.now() + LINE_EVERY_MS;
  try {
    for (;;) {
      const unsettled = await looked(() => look({ signal: stop.signal }), stop.signal);
      const now = performance.now();
      if (unsettled) progress.add(unsettled, now);
      const { left } = progress;
      if (left === 0 || stop.signal.aborted || now >= until) break;
      if (shell.errorIsTerminal) shell.live(progress.line());
      else if (now >= lineAt) {
        shell.err(progress.line());
        lineAt = now + LINE_EVERY_MS;
      }
      const pauseMs = unsettled?.atLeast ? LOOK_AT_MUCH_EVERY_MS : LOOK_EVERY_MS;
      await pause(Math.min(pauseMs, until - now), stop.signal);
    }
  } finally {
    off();
    if (shell.errorIsTerminal) shell.live(undefined);
  }
  return { settled: progress.total - progress.left, left: progress.left, interrupted: stop.signal.aborted };
}

/** A broker that cannot answer for a moment does not end the waiting: what is dead stays dead. */
async function looked(
  look: () => Promise<Unsettled>,
  interrupted: AbortSignal,
): Promise<Unsettled | undefined> {
  try {
    return await look();
  } catch (error) {
    if (interrupted.aborted) return undefined;
    const passing = error instanceof MayflyError && PASSING.has(error.code);
    if (!passing) throw error;
    return undefined;
  }
}

const PASSING: ReadonlySet<string> = new Set([
  'ERR_UNREACHABLE',
  'ERR_TIMEOUT',
  'ERR_LIMITED',
  'ERR_UNAVAILABLE',
]);

class Progress {
  total: number;
  left: number;
  #atLeast = false;
  readonly #looks: { readonly at: number; readonly left: number }[] = [];

  constructor(total: number) {
    this.total = total;
    this.left = total;
  }

  add({ left, atLeast }: Unsettled, at: number): void {
    this.left = left;
    this.#atLeast = atLeast;
    this.total = Math.max(this.total, left);
    this.#looks.push({ at, left });
    if (this.#looks.length > LOOKS_FOR_A_RATE) this.#looks.shift();
  }

  /** `settled 120 of 400, 12.5/s, 22s to go` */
  line(): string {
    const settled = `settled ${this.total - this.left} of ${this.total}`;
    if (this.#atLeast) return `more than ${this.left} of ${this.total} left to settle at their targets`;
    const perSecond = this.#perSecond();
    if (perSecond <= 0) return `${settled}, waiting for targets`;
    const toGo = showDuration((this.left / perSecond) * 1000);
    return `${settled}, ${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s, ${toGo} to go`;
  }

  #perSecond(): number {
    const first = this.#looks[0];
    const last = this.#looks.at(-1);
    if (!first || !last || last.at === first.at) return 0;
    return ((first.left - last.left) * 1000) / (last.at - first.at);
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });

/** How a command ends that waited in vain, or for a target that cannot be made to let go. */
export function unsettledFailure(
  { left, interrupted }: Settled,
  irrevocable: number,
  whereToLook: string,
): Failure | undefined {
  if (irrevocable > 0) {
    const message = `${irrevocable} could NOT be killed at their targets: somebody must look there`;
    return new Failure(EXIT.refused, message, [`  which: ${whereToLook}`], { irrevocable, left });
  }
  if (left === 0) return undefined;
  const message = interrupted
    ? `not waited for: the kill stands, and ${left} are still being killed at their targets`
    : `not all have settled in that time: the kill stands, and ${left} are still being killed at their targets`;
  return new Failure(EXIT.refused, message, [], { left });
}
