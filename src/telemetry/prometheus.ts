// Metrics as Prometheus reads them. One of these per broker; what is of the whole process stands on every page.
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, Metrics, Reading } from './metrics.js';
import { COUNTERS, GAUGES, HISTOGRAMS, exportedName } from './metrics.js';
import { CounterTally, DurationTally } from './tally.js';

/** CPU, memory, event loop, garbage: watched once, however many brokers run in this process, as nothing can stop it. */
let ofProcess: Registry | undefined;

function processMetrics(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

const tallies = <Name extends CounterName | HistogramName, Tally>(
  table: Readonly<Record<Name, { readonly help: string; readonly labels: readonly string[] }>>,
  Made: new (about: { name: string; help: string; labels: readonly string[] }) => Tally,
): Readonly<Record<Name, Tally>> => {
  const names = Object.keys(table) as Name[];
  return Object.fromEntries(
    names.map((name) => [name, new Made({ ...table[name], name: exportedName(name) })]),
  ) as Record<Name, Tally>;
};

export class PrometheusMetrics implements Metrics {
  readonly #gauges = new Registry();
  readonly #counters = tallies(COUNTERS, CounterTally);
  readonly #histograms = tallies(HISTOGRAMS, DurationTally);

  count(name: CounterName, ...labels: readonly string[]): void {
    this.#counters[name].add(labels);
  }

  observe(name: HistogramName, seconds: number, ...labels: readonly string[]): void {
    this.#histograms[name].add(seconds, labels);
  }

  read<Name extends GaugeName>(name: Name, reading: () => Reading<Name> | Promise<Reading<Name>>): void {
    const labelNames: readonly string[] = GAUGES[name].labels;
    const gauge: Gauge = new Gauge({
      name: exportedName(name),
      help: GAUGES[name].help,
      labelNames,
      registers: [this.#gauges],
      async collect() {
        // What cannot be told now is not a number, and keeps nobody from the rest of the page.
        const read = await Promise.resolve()
          .then(reading)
          .catch(() => NaN);
        gauge.reset();
        if (typeof read === 'number') gauge.set(read);
        else for (const { labels, value } of read) gauge.set(labelled(labelNames, labels), value);
      },
    });
  }

  /** The whole page, in Prometheus's text format. */
  async page(): Promise<{ type: string; text: string }> {
    const looked = Registry.merge([this.#gauges, processMetrics()]);
    const read = await looked.metrics();
    const tallied = [...Object.values(this.#counters), ...Object.values(this.#histograms)];
    const text = `${tallied.map((tally) => tally.lines().join('\n')).join('\n\n')}\n\n${read}`;
    return { type: looked.contentType, text };
  }
}

const labelled = (names: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name, index) => [name, values[index]!]));
