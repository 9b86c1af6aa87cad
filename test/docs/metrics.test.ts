// docs/metrics.md names every metric that is exported, with its labels, and none that is not; and so do its alert rules.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { Decision } from '../../src/policy/policy.js';
import { COUNTERS, GAUGES, HISTOGRAMS, exportedName } from '../../src/telemetry/metrics.js';
import { PrometheusMetrics } from '../../src/telemetry/prometheus.js';

const page = readFileSync('docs/metrics.md', 'utf8');

const kinds = [
  ['counter', COUNTERS],
  ['histogram', HISTOGRAMS],
  ['gauge', GAUGES],
] as const;
const defined = kinds.flatMap(([kind, table]) =>
  Object.entries(table).map(([name, { labels }]) => [exportedName(name as never), kind, labels.join(', ')]),
);

const byName = (a: string[], b: string[]): number => a[0]!.localeCompare(b[0]!);

const told = page
  .split('\n')
  .filter((line) => line.startsWith('| `mayfly_'))
  .map((line) => line.split('|').slice(1, 4))
  .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()));

test('the tables have every metric, with its kind and its labels', () => {
  expect(told.toSorted(byName)).toEqual(defined.toSorted(byName));
});

test('each row says what it means', () => {
  const silent = page
    .split('\n')
    .filter((line) => line.startsWith('| `mayfly_') && (line.split('|')[4] ?? '').trim().length < 8);
  expect(silent.filter((line) => !line.includes('Always 1'))).toEqual([]);
});

test('each thing that policy may say stands in the row of its decisions', () => {
  const effects: Readonly<Record<Decision['effect'], true>> = { permit: true, deny: true, approval: true };
  const row = page.split('\n').find((line) => line.startsWith('| `mayfly_policy_decisions_total`'))!;
  expect(Object.keys(effects).filter((effect) => !row.includes(`\`${effect}\``))).toEqual([]);
});

test('names are as Prometheus would have them', () => {
  for (const [name = '', kind] of defined) {
    expect(name).toMatch(/^mayfly_[a-z]+(?:_[a-z]+)*$/);
    expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter']);
    if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
  }
});

describe('the rules and the examples', () => {
  const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => parse(text) as object);
  const rules = blocks
    .flatMap((block) => ('groups' in block ? (block.groups as Group[]) : []))
    .flatMap(({ rules: all }) => all);

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for what is exported',
    async (_name, { expr }) => {
      const asked = [...expr.matchAll(/\b(?:mayfly|nodejs|process)_\w+/g)].map(([name]) => name);
      expect(asked.length).toBeGreaterThan(0);
      const { text } = await new PrometheusMetrics().page();
      const gauges = Object.keys(GAUGES).map((name) => `# HELP ${exportedName(name as never)} `);
      for (const name of asked)
        expect(text + gauges.join('\n')).toContain(`# HELP ${name.replace(/_(?:bucket|count|sum)$/, '')} `);
    },
  );

  test('there is one for each of: irrevocable credentials, slow kills, the store, readiness', () => {
    const all = rules.map(({ expr }) => expr).join('\n');
    for (const metric of [
      'settlements_total{outcome="irrevocable"}',
      'kill_duration_seconds',
      'store_unavailable_total',
      'ready',
    ])
      expect(all).toContain(exportedName(metric as never));
  });
});

interface Group {
  readonly rules: readonly { readonly alert: string; readonly expr: string }[];
}
