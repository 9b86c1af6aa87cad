// Numbers that the path of a request adds to, and their lines on the page: a fraction of what a library takes for the same.

/** From half a millisecond, a read of the embedded store, to the longest that a request is held open. */
const BOUNDS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

interface Described {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

interface Branch<Sum> {
  readonly under: Map<string, Branch<Sum>>;
  sum?: Sum;
}

/** A sum for each set of label values, found value by value: to join them first takes ten times as long. */
class Series<Sum> {
  readonly #make: () => Sum;
  readonly #root: Branch<Sum> = { under: new Map() };

  constructor(make: () => Sum) {
    this.#make = make;
  }

  of(values: readonly string[]): Sum {
    let branch = this.#root;
    for (const value of values) {
      let next = branch.under.get(value);
      if (!next) branch.under.set(value, (next = { under: new Map() }));
      branch = next;
    }
    return (branch.sum ??= this.#make());
  }

  all(): [values: string[], sum: Sum][] {
    return sumsBelow(this.#root, []);
  }
}

const sumsBelow = <Sum>({ under, sum }: Branch<Sum>, values: string[]): [values: string[], sum: Sum][] => [
  ...(sum === undefined ? [] : [[values, sum] as [string[], Sum]]),
  ...[...under].flatMap(([value, next]) => sumsBelow(next, [...values, value])),
];

/** Of one counter. */
export class CounterTally {
  readonly #about: Described;
  readonly #series = new Series(() => ({ count: 0 }));

  constructor(about: Described) {
    this.#about = about;
    // What has no labels has one series, which is there from the start.
    if (about.labels.length === 0) this.#series.of([]);
  }

  add(values: readonly string[]): void {
    this.#series.of(values).count++;
  }

  lines(): string[] {
    const { name, labels } = this.#about;
    const series = this.#series
      .all()
      .map(([values, { count }]) => `${name}${labelled(labels, values)} ${count}`);
    return [...heading(this.#about, 'counter'), ...series];
  }
}

interface Durations {
  /** How many were within each bound and over the one before; the last is for what is over all of them. */
  readonly within: number[];
  sum: number;
}

/** Of one histogram of durations. */
export class DurationTally {
  readonly #about: Described;
  readonly #series = new Series<Durations>(() => ({ within: BOUNDS_SECONDS.map(() => 0).concat(0), sum: 0 }));

  constructor(about: Described) {
    this.#about = about;
  }

  add(seconds: number, values: readonly string[]): void {
    const durations = this.#series.of(values);
    let at = 0;
    while (at < BOUNDS_SECONDS.length && seconds > BOUNDS_SECONDS[at]!) at++;
    durations.within[at]!++;
    durations.sum += seconds;
  }

  lines(): string[] {
    const { name, labels } = this.#about;
    const series = this.#series.all().flatMap(([values, { within, sum }]) => {
      let upTo = 0;
      const buckets = within.map((count, at) => {
        const bound = BOUNDS_SECONDS[at] ?? '+Inf';
        return `${name}_bucket${labelled([...labels, 'le'], [...values, String(bound)])} ${(upTo += count)}`;
      });
      const own = labelled(labels, values);
      return [...buckets, `${name}_sum${own} ${sum}`, `${name}_count${own} ${upTo}`];
    });
    return [...heading(this.#about, 'histogram'), ...series];
  }
}

const heading = ({ name, help }: Described, type: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

const labelled = (names: readonly string[], values: readonly string[]): string =>
  names.length === 0
    ? ''
    : `{${names.map((name, at) => `${name}="${escaped(values[at] ?? '')}"`).join(',')}}`;

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
