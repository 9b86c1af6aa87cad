// Tables and lists of facts, without lines or colours, so that they read the same on a terminal and in a pipe.
import Table from 'cli-table3';
import { plain } from './plain.js';

const NO_LINES = Object.fromEntries(
  [
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].flatMap((names) => names.map((name) => [name, ''])),
);

const STYLE = { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true };

/** Whatever stands in a cell is made harmless here, so that no command can forget it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    ...(head.length > 0 && { head: head.map((title) => title.toUpperCase()) }),
    chars: { ...NO_LINES, middle: '  ' },
    style: STYLE,
  });
  drawn.push(...rows.map((row) => row.map(plain)));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** One fact a line; those without a value are left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | undefined])[]): string {
  return table(
    [],
    pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
