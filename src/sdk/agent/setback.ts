// What was refused or came to nothing a moment ago is not asked for again at once, however often callers want it.
import { factsIn, MayflyError, type MayflyErrorCode } from '../client/errors.js';

const LONGEST_MS = 5000;
/** The same asked again gets the same answer, unless somebody changes something: a person, or the context of the task. */
const AFTER_REFUSAL_MS = 1000;
const AFTER_FAILURE_MS = 250;

const FAILURES: ReadonlySet<MayflyErrorCode> = new Set([
  'ERR_UNREACHABLE',
  'ERR_TIMEOUT',
  'ERR_NOT_A_BROKER',
  'ERR_UNAVAILABLE',
  'ERR_FAULT',
]);
/** Nothing was sent: the next try costs nobody anything. */
const UNSENT: ReadonlySet<MayflyErrorCode> = new Set(['ERR_USAGE', 'ERR_TOKEN_SOURCE']);

export class Setback {
  readonly #now: () => number;
  #times = 0;
  #until = -Infinity;
  #error: MayflyError | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The error that stands, with how long it will; undefined where it is time to ask again. */
  get standing(): MayflyError | undefined {
    const leftMs = this.#until - this.#now();
    if (this.#error === undefined || leftMs <= 0) return undefined;
    const { code, message } = this.#error;
    const facts = { ...factsIn(this.#error), retryAfterMs: Math.ceil(leftMs) };
    return new MayflyError(code, message, facts, this.#error);
  }

  note(error: unknown): void {
    if (!(error instanceof MayflyError) || UNSENT.has(error.code)) return;
    const firstMs = FAILURES.has(error.code) ? AFTER_FAILURE_MS : AFTER_REFUSAL_MS;
    const ownMs = Math.min(LONGEST_MS, firstMs * 2 ** this.#times) * (0.75 + Math.random() / 2);
    this.#times++;
    this.#error = error;
    this.#until = this.#now() + Math.max(ownMs, error.retryAfterMs ?? 0);
  }

  clear(): void {
    this.#times = 0;
    this.#error = undefined;
  }
}
