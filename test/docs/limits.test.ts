// docs/limits.md tells each limit with its default, as it is; its example is good; and what it calls a kill is one.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { limitsSchema } from '../../src/config/limits-schema.js';
import { showDuration } from '../../src/domain/duration.js';
import { ACCESS } from '../../src/http/access.js';
import type { Access } from '../../src/http/access.js';

const page = readFileSync('docs/limits.md', 'utf8');

type Default = number | string | { per_second: number; burst: number };
const shown = (name: string, value: Default): string => {
  if (typeof value === 'object') return `${value.per_second} per second, ${value.burst} at once`;
  return name.endsWith('_every') ? showDuration(Number(value)) : String(value);
};

test('every limit stands in its table, with its default', () => {
  const [, section = ''] = page.split('## The limits\n');
  const rows = [...section.split('\n##')[0]!.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(
    ([, name, value]) => [name, value],
  );
  const defaults = Object.entries(limitsSchema.parse({})).map(([name, value]) => [name, shown(name, value)]);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(defaults));
});

test('its example is good', () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  expect(limitsSchema.safeParse(parse(example).limits).success).toBe(true);
});

test('it names every route that kills', () => {
  const [, section = ''] = page.split('## Never a kill\n');
  const told = [...section.split('\n##')[0]!.matchAll(/`((?:POST|DELETE) [^`]+)`/g)].map(
    ([, route]) => route,
  );
  const kills = Object.values<Access>(ACCESS).filter(({ kills: does }) => does);
  const routes = kills.map(
    ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
  );
  expect(new Set(told)).toEqual(new Set(routes));
});
