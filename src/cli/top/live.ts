// `mayfly top` on a terminal: reads, draws, listens to keys, until it is told to stop.
import { MayflyError } from '../../sdk/client/index.js';
import { type Sort, frame, nextSort } from './frame.js';
import type { Gauge, Reading } from './reading.js';
import { Screen } from './screen.js';

const ENDING = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
/** Ctrl+C and Ctrl+D come as keys, as the terminal is raw. */
const QUIT: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004', '\u001B']);

const awake = (): void => {};

export async function showLive(gauge: Gauge, url: string, everyMs: number): Promise<void> {
  let reading: Reading | undefined;
  let trouble: string | undefined;
  let sort: Sort = 'leases';
  let paused = false;
  let wake = awake;
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
    wake();
  };
  const draw = (): void =>
    screen.draw(
      frame(reading, {
        url,
        ...screen.size,
        colours: screen.hasColours,
        sort,
        paused,
        keys: true,
        ...(trouble !== undefined && { trouble }),
      }),
    );
  const key = (pressed: string): void => {
    if (QUIT.has(pressed)) return end();
    if (pressed === 'p') paused = !paused;
    if (pressed === 's') sort = nextSort(sort);
    draw();
    if (pressed === 'p') wake();
  };
  const screen = new Screen({ key, resize: draw });
  for (const signal of ENDING) process.on(signal, end);
  try {
    while (!ended.signal.aborted) {
      if (!paused) {
        try {
          reading = await gauge.read({ signal: ended.signal });
          trouble = undefined;
        } catch (error) {
          if (ended.signal.aborted) break;
          // Before anything was seen, it is the command line that is wrong; later, the broker may come back.
          if (!(error instanceof MayflyError) || !reading) throw error;
          trouble = error.message;
        }
        draw();
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everyMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (ended.signal.aborted) wake();
      });
    }
  } finally {
    for (const signal of ENDING) process.off(signal, end);
    screen.close();
  }
}
