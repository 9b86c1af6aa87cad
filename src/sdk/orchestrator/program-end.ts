// When the program ends, its open tasks end with it, as far as that can be had: the broker is told before the program goes.
//
// What a program has listeners of its own for is left to it: it may be about to finish its work in peace.

/** What is to be ended. Never rejects. */
export interface Ending {
  end(outcome: 'cancelled' | 'failed', reason: string, withinMs: number): Promise<void>;
}

type Program = NonNullable<typeof globalThis.process>;
type Signal = (typeof SIGNALS)[number];

/** Nobody waits long for a program that was told to end. */
const WITHIN_MS = 2000;
/**
 * What a terminal sends to everybody in its foreground, `node --watch` and other supervisors send once more: one key was
 * pressed, and nobody is in a hurry yet.
 */
const SAME_MS = 500;
/** After the last task. */
const LINGER_MS = 1000;
/** A signal that a program sends itself. */
const ARRIVED_WITHIN_MS = 1000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A program may have this module twice. No copy takes another one for somebody who sees to the end of the program. */
const COPIES = Symbol.for('mayfly/orchestrator program end');
/**
 * Nor signal-exit, which much is built on: it leaves a signal to whoever listens beside it, and so would nobody end the
 * program.
 */
const SIGNAL_EXIT = Symbol.for('signal-exit emitter');

const open = new Set<Ending>();
let program: Program | undefined;
let lingering: ReturnType<typeof setTimeout> | undefined;
let isEnding = false;
/** A signal is on its way that shall meet nobody of ours: work that opens a task at each turn would catch it again and again. */
let isLeaving = false;
/** By the monotonic clock: when the signal came that it ends by. */
let toldAt = -Infinity;

/** From here on it ends with the program, until it is `dismiss`ed. */
export function enlist(ending: Ending): void {
  open.add(ending);
  clearTimeout(lingering);
  if (!program && !isLeaving) listen();
}

export function dismiss(ending: Ending): void {
  open.delete(ending);
  clearTimeout(lingering);
  // A signal that arrives while its listener is taken away is lost: work that opens one task after the other is listened
  // for all the while.
  if (open.size === 0) (lingering = setTimeout(leave, LINGER_MS)).unref?.();
}

function listen(): void {
  const { process } = globalThis as { process?: Program };
  // Browsers have none; some bundlers put a bare one in its place.
  if (typeof process?.once !== 'function' || typeof process.kill !== 'function') return;
  program = process;
  copies(process).count++;
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('beforeExit', onIdle);
  process.on('uncaughtException', onCrash);
}

function leave(): void {
  clearTimeout(lingering);
  if (!program) return;
  for (const signal of SIGNALS) program.off(signal, onSignal);
  program.off('beforeExit', onIdle);
  program.off('uncaughtException', onCrash);
  copies(program).count--;
  program = undefined;
}

function onSignal(signal: Signal): void {
  if (othersListen(globalThis.process, signal)) return;
  const now = performance.now();
  if (isEnding && now - toldAt < SAME_MS) return;
  // Told twice, whoever waits is in a hurry.
  if (isEnding) return sendAgain(signal);
  isEnding = true;
  toldAt = now;
  void endAll('cancelled', `the program got ${signal}`).then(() => sendAgain(signal));
}

/** With nobody listening, it does what it would have done. */
function sendAgain(signal: Signal): void {
  const { process } = globalThis;
  gone();
  if (copies(process).count > 0) return;
  isLeaving = true;
  // Whoever outlives it was not to be ended.
  setTimeout(() => {
    isLeaving = false;
    if (open.size > 0 && !program) listen();
  }, ARRIVED_WITHIN_MS).unref();
  process.kill(process.pid, signal);
}

/** What the work waits for will never come. */
function onIdle(): void {
  void endAll('failed', 'the program ended before the work did').then(gone);
}

function onCrash(thrown: unknown): void {
  if (isEnding || othersListen(globalThis.process, 'uncaughtException')) return;
  isEnding = true;
  void endAll('failed', 'the program crashed').then(() => throwAgain(thrown));
}

/** With nobody listening, it is reported, and ends the program. */
function throwAgain(thrown: unknown): void {
  gone();
  if (copies(globalThis.process).count > 0) return;
  setImmediate(() => {
    throw thrown;
  });
}

/** A program that was not ended after all can have tasks again. */
function gone(): void {
  leave();
  isEnding = false;
  toldAt = -Infinity;
}

async function endAll(outcome: 'cancelled' | 'failed', reason: string): Promise<void> {
  await Promise.all([...open].map((one) => one.end(outcome, reason, WITHIN_MS)));
}

function othersListen(process: Program, event: Signal | 'uncaughtException'): boolean {
  const known = event === 'uncaughtException' ? 0 : signalExits(process);
  return process.listenerCount(event) > copies(process).count + known;
}

function copies(process: Program): { count: number } {
  const shared = process as { [COPIES]?: { count: number } };
  return (shared[COPIES] ??= { count: 0 });
}

/** Each copy of it has one listener for a signal, and counts itself here: by a symbol since its version 4. */
function signalExits(process: Program): number {
  const shared = process as {
    [SIGNAL_EXIT]?: { count?: number };
    __signal_exit_emitter__?: { count?: number };
  };
  return (shared[SIGNAL_EXIT]?.count ?? 0) + (shared.__signal_exit_emitter__?.count ?? 0);
}
