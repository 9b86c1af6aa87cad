// What a benchmark may be told on its command line.
import { parseArgs } from 'node:util';

export const STORES = ['embedded', 'redis', 'cluster'] as const;
export type StoreKind = (typeof STORES)[number];

export interface Options {
  /** How long each round measures each kind of load. */
  readonly seconds: number;
  readonly rounds: number;
  /** Another build of the broker (a `dist`) to measure in the same rounds: the state before a change, say. */
  readonly also: string | undefined;
  readonly store: StoreKind;
  readonly leases: number;
  /** Of the scenes that there are, those with so many verifiers. */
  readonly verifiers: number | undefined;
}

type Known = keyof Options;

/** Below this many seconds nobody wants the figures, only to know that all of it works. */
const IN_EARNEST_SECONDS = 3;
const ROUNDS = 3;

/** Where there is no default, it depends on how long is measured. */
export function readOptions(
  known: readonly Exclude<Known, 'seconds'>[],
  {
    seconds: secondsByDefault = 5,
    leases: [fewLeases, manyLeases] = [0, 0],
  }: { seconds?: number; leases?: readonly [few: number, many: number] } = {},
): Options {
  const { values } = parseArgs({
    options: Object.fromEntries(['seconds', ...known].map((name) => [name, { type: 'string' as const }])),
  }) as { values: Partial<Record<Known, string>> };
  const seconds = number('seconds', values.seconds ?? secondsByDefault, 600);
  const inEarnest = seconds >= IN_EARNEST_SECONDS;
  const store = values.store ?? 'redis';
  if (!isStore(store)) throw new Error(`--store must be one of ${STORES.join(', ')}`);
  return {
    seconds,
    rounds: number('rounds', values.rounds ?? (inEarnest ? ROUNDS : 1), 100),
    also: values.also,
    store,
    leases: number('leases', (values.leases ?? (inEarnest ? manyLeases : fewLeases)) || 1, 100_000_000),
    verifiers: values.verifiers === undefined ? undefined : number('verifiers', values.verifiers, 10_000),
  };
}

const isStore = (text: string): text is StoreKind => (STORES as readonly string[]).includes(text);

function number(name: string, given: string | number, most: number): number {
  const value = Number(given);
  if (!(value > 0 && value <= most)) throw new Error(`--${name} must be between 0 and ${most}`);
  return value;
}
