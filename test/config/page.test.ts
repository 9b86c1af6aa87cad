// docs/configuration.md: its examples are good, and its tables have every setting of a Redis store as it is.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { settingsFrom } from '../../src/config/load.js';
import { redisMembers } from '../../src/config/store-schema.js';
import { showDuration } from '../../src/domain/duration.js';
import { GOOD, mistakesOf } from './fixture.js';
import { folderWith, ours } from './redis-fixture.js';

const page = readFileSync('docs/configuration.md', 'utf8');
const folder = folderWith({
  password: 'hunter2',
  'redis-ca.pem': ours.ca,
  'mayfly.pem': ours.certificate,
  'mayfly.key': ours.key,
});
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const withStore = (text: string): string => stringify({ ...parse(GOOD), ...parse(text) });

test.each(examples)('an example is good: %s', async (example) => {
  const text = withStore(example.replace('/run/secrets/redis-password', 'password'));
  await expect(settingsFrom(text, `${folder}/mayfly.yaml`)).resolves.toBeDefined();
});

test('the mistakes that it shows are those that are found', async () => {
  const wrong = GOOD.replace(
    /^store: .*$/m,
    'store: { kind: redis, url: rediss://mayfly:correct-horse-battery@redis-1.example, path: ./mayfly.db }',
  );
  const [, shown = ''] = /has 2 mistakes:\n((?: {2}.*\n)+)/.exec(page) ?? [];
  const told = shown
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^ *mayfly\.yaml:/, ''));
  expect(told).toEqual((await mistakesOf(wrong)).map((mistake) => mistake.replace(' ', ': ')));
});

describe('a Redis store', () => {
  test.each(Object.keys(redisMembers))('has %s, which the page tells of', (name) => {
    expect(page).toContain(`\`${name}`);
  });
});

test('the retention that it tells is what is in force where the file says nothing', async () => {
  const rows = [...page.matchAll(/^\| `(\w+)_retention` \| (\w+) \| (\w+) \|/gm)].map(
    ([, ...cells]) => cells,
  );
  const [embedded, redis] = await Promise.all(
    [GOOD, withStore('store: { kind: redis, url: redis://127.0.0.1 }')].map(
      async (text) => (await settingsFrom(text, 'a.yaml')).retention,
    ),
  );
  expect(rows).toEqual(
    (['task', 'lease', 'audit'] as const).map((name) => [
      name,
      showDuration(embedded![`${name}Ms`]),
      showDuration(redis![`${name}Ms`]),
    ]),
  );
});
