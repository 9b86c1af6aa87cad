// Numbers that the path of a request adds to, and their lines on the page: a fraction of what a library takes for the same.

/** From half a millisecond, a read of the embedded store, to the longest that a request is held open. */
const BOUNDS_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

/** Between the values of the labels of one series: in none of them. */
const BETWEEN = '\n';

interface Described {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Of one counter. */
export class CounterTally {
  readonly #about: Described;
  readonly #counts = new Map<string, number>();

  constructor(about: Described) {
    this.#about = about;
    // What has no labels has one series, which is there from the start.
    if (about.labels.length === 0) this.#counts.set('', 0);
  }

  add(values: readonly string[]): void {
    const series = seriesOf(values);
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + 1);
  }

  lines(): string[] {
    const { name, labels } = this.#about;
    const series = [...this.#counts].map(([values, count]) => `${name}${labelled(labels, values)} ${count}`);
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
  readonly #durations = new Map<string, Durations>();

  constructor(about: Described) {
    this.#about = about;
  }

  add(seconds: number, values: readonly string[]): void {
    const series = seriesOf(values);
    let durations = this.#durations.get(series);
    if (!durations) {
      durations = { within: BOUNDS_SECONDS.map(() => 0).concat(0), sum: 0 };
      this.#durations.set(series, durations);
    }
    let at = 0;
    while (at < BOUNDS_SECONDS.length && seconds > BOUNDS_SECONDS[at]!) at++;
    durations.within[at]!++;
    durations.sum += seconds;
  }

  lines(): string[] {
    const { name, labels } = this.#about;
    const series = [...this.#durations].flatMap(([values, { within, sum }]) => {
      let upTo = 0;
      const buckets = within.map((count, at) => {
        const bound = BOUNDS_SECONDS[at] ?? '+Inf';
        return `${name}_bucket${labelled([...labels, 'le'], `${values}${BETWEEN}${bound}`)} ${(upTo += count)}`;
      });
      const own = labelled(labels, values);
      return [...buckets, `${name}_sum${own} ${sum}`, `${name}_count${own} ${upTo}`];
    });
    return [...heading(this.#about, 'histogram'), ...series];
  }
}

/** By hand where there are few: `join` would take as long as all the rest. */
const seriesOf = (values: readonly string[]): string =>
  values.length === 1
    ? values[0]!
    : values.length === 2
      ? `${values[0]!}${BETWEEN}${values[1]!}`
      : values.join(BETWEEN);

const heading = ({ name, help }: Described, type: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

function labelled(names: readonly string[], values: string): string {
  if (names.length === 0) return '';
  const given = values.split(BETWEEN);
  return `{${names.map((name, at) => `${name}="${escaped(given[at] ?? '')}"`).join(',')}}`;
}

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
