// What a benchmark may be told on its command line.
import { parseArgs } from 'node:util';

export interface Options {
  /** How long each round measures each kind of load. */
  readonly seconds: number;
  /** Another build of the broker (a `dist`) to measure in the same rounds: the state before a change, say. */
  readonly also: string | undefined;
}

export function readOptions(secondsByDefault: number): Options {
  const { values } = parseArgs({ options: { seconds: { type: 'string' }, also: { type: 'string' } } });
  const seconds = Number(values.seconds ?? secondsByDefault);
  if (!(seconds > 0 && seconds <= 600)) throw new Error('--seconds must be between 0 and 600');
  return { seconds, also: values.also };
}
