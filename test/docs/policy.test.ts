// docs/policy.md: every recipe of its cookbook is read and decided, and its tables name all that there is.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { SCHEMA_PATH } from '../../src/policy/cedar/load.js';
import { ran } from '../cli/fake-shell.js';

const page = readFileSync('docs/policy.md', 'utf8');
const [, cookbook = ''] = page.split('## Cookbook\n');
const recipes = cookbook
  .split('\n## ')[0]!
  .split('\n### ')
  .slice(1)
  .map((text) => {
    const [title = ''] = text.split('\n', 1);
    const [, policies = ''] = /```cedar\n([\s\S]*?)```/.exec(text) ?? [];
    const [, cases = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
    return { title, policies, cases };
  });

const folder = mkdtempSync(join(tmpdir(), 'mayfly-cookbook-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the cookbook', () => {
  test('has recipes, each with policies and cases', () => {
    expect(recipes.length).toBeGreaterThanOrEqual(10);
    expect(recipes.filter(({ policies, cases }) => policies === '' || cases === '')).toEqual([]);
  });

  test.each(recipes)('$title', async ({ policies, cases }) => {
    writeFileSync(join(folder, 'recipe.cedar'), policies);
    writeFileSync(join(folder, 'recipe.test.yaml'), cases);
    const of = ['--config', 'config/mayfly.yaml', '--policies', folder];
    const checked = await ran(['policy', 'check', ...of]);
    // A recipe by itself is no whole set.
    const warnings = checked.err.split('\n').filter((line) => !/: no policy permits /.test(line));
    expect([checked.exit, checked.out, warnings]).toEqual([0, expect.stringMatching(/^no mistakes/), ['']]);
    const { exit, out } = await ran(['policy', 'test', ...of]);
    expect([exit, out]).toEqual([0, expect.stringMatching(/^\d+ passed, 0 failed$/m)]);
  });
});

test('the shipped policies pass their own cases, each of which decides by some of them, and are told to have no flaw', async () => {
  const of = ['--config', 'config/mayfly.yaml'];
  const { exit, out } = await ran(['policy', 'test', ...of]);
  expect([exit, out]).toEqual([0, expect.stringMatching(/^(?:ok .*\n)+\d+ passed, 0 failed\n?$/)]);
  expect((await ran(['policy', 'check', '--strict', ...of])).exit).toBe(0);
});

test('all that may be asked about stands in the table of facts', () => {
  const schema = readFileSync(SCHEMA_PATH, 'utf8');
  const [, request = ''] = /type Request = \{\n([\s\S]*?)\n\};/.exec(schema) ?? [];
  const members = [...request.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => `context.${name}`);
  expect(members.length).toBeGreaterThan(10);
  expect(members.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
});
