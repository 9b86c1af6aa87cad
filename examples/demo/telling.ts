// How the demo tells its story: numbered steps, what came of each, how long it took, and whether it came out as told.
const WIDTH = 96;
const coloured = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const style =
  (code: number) =>
  (text: string): string =>
    coloured ? `\x1b[${code}m${text}\x1b[0m` : text;
const bold = style(1);
const dim = style(2);
const red = style(31);
const green = style(32);

export interface Outcome {
  /** Whether this is what the story says. */
  readonly asTold: boolean;
  readonly lines: readonly string[];
  readonly ms?: number;
}

let steps = 0;
let surprises = 0;

/** How many steps did not come out as told. */
export const surprised = (): number => surprises;

export const say = (line = ''): void => console.log(line);

export function chapter(title: string): void {
  say();
  say(bold(title));
}

/** Tells one step: what is done, and what came of it. */
export async function step(what: string, work: () => Promise<Outcome>): Promise<void> {
  steps += 1;
  const { asTold, lines, ms } = await work();
  if (!asTold) surprises += 1;
  const took = ms === undefined ? '' : `${ms.toFixed(1)} ms`;
  const number = String(steps).padStart(2);
  const gap = ' '.repeat(Math.max(1, WIDTH - number.length - 4 - what.length - took.length));
  say(` ${number}  ${what}${took === '' ? '' : gap + dim(took)}`);
  const [first = '', ...rest] = lines;
  say(`     ${asTold ? green('✓') : red('✗ not as told:')} ${first}`);
  for (const line of rest) say(`       ${line}`);
}

/** Rows under each other, each column as wide as its widest. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
