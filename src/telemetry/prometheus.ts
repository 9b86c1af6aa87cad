// Metrics as Prometheus reads them. One of these per broker; what is of the whole process stands on every page.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, Metrics, Reading } from './metrics.js';
import { COUNTERS, GAUGES, HISTOGRAMS, exportedName } from './metrics.js';

/** From half a millisecond, a read of the embedded store, to the longest that a request is held open. */
const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Between the values of the labels of one series: in none of them. */
const BETWEEN = '\n';

/** CPU, memory, event loop, garbage: watched once, however many brokers run in this process, as nothing can stop it. */
let ofProcess: Registry | undefined;

function processMetrics(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  /** Plain numbers by the values of their labels: a third of what the library takes for the same. */
  readonly #tallies = new Map<string, Map<string, number>>();
  readonly #histograms = new Map<string, Histogram>();

  constructor() {
    for (const [name, { help, labels }] of Object.entries(COUNTERS)) {
      const tally = new Map<string, number>();
      this.#tallies.set(name, tally);
      if (labels.length === 0) tally.set('', 0);
      const counter: Counter = new Counter({
        name: exportedName(name as CounterName),
        help,
        labelNames: labels,
        registers: [this.#registry],
        collect: () => {
          counter.reset();
          for (const [values, count] of tally) counter.inc(labelled(labels, values.split(BETWEEN)), count);
        },
      });
    }
    for (const [name, { help, labels }] of Object.entries(HISTOGRAMS)) {
      const histogram = new Histogram({
        name: exportedName(name as HistogramName),
        help,
        labelNames: labels,
        buckets: BUCKETS_SECONDS,
        registers: [this.#registry],
      });
      this.#histograms.set(name, histogram);
    }
  }

  count(name: CounterName, ...labels: readonly string[]): void {
    const tally = this.#tallies.get(name)!;
    const series = labels.length === 1 ? labels[0]! : labels.join(BETWEEN);
    tally.set(series, (tally.get(series) ?? 0) + 1);
  }

  observe(name: HistogramName, seconds: number, ...labels: readonly string[]): void {
    this.#histograms.get(name)!.observe({ [HISTOGRAMS[name].labels[0]]: labels[0]! }, seconds);
  }

  read<Name extends GaugeName>(name: Name, reading: () => Reading<Name> | Promise<Reading<Name>>): void {
    const labelNames: readonly string[] = GAUGES[name].labels;
    const gauge: Gauge = new Gauge({
      name: exportedName(name),
      help: GAUGES[name].help,
      labelNames,
      registers: [this.#registry],
      async collect() {
        // What cannot be told now is not a number, and keeps nobody from the rest of the page.
        const read = await Promise.resolve(reading()).catch(() => NaN);
        gauge.reset();
        if (typeof read === 'number') gauge.set(read);
        else for (const { labels, value } of read) gauge.set(labelled(labelNames, labels), value);
      },
    });
  }

  /** The whole page, in Prometheus's text format. */
  async page(): Promise<{ type: string; text: string }> {
    const whole = Registry.merge([this.#registry, processMetrics()]);
    return { type: whole.contentType, text: await whole.metrics() };
  }
}

const labelled = (names: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name, index) => [name, values[index]!]));
