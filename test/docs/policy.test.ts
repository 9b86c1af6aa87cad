// docs/policy.md: every recipe of its cookbook is read and decided, and its tables name all that there is.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { SCHEMA_PATH } from '../../src/policy/cedar/load.js';

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

test('the cookbook has recipes, each with policies and cases', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(10);
  expect(recipes.filter(({ policies, cases }) => policies === '' || cases === '')).toEqual([]);
});

describe('what may be asked about', () => {
  const schema = readFileSync(SCHEMA_PATH, 'utf8');
  const [, request = ''] = /type Request = \{\n([\s\S]*?)\n\};/.exec(schema) ?? [];
  const members = [...request.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => `context.${name}`);

  test('stands in the table of facts, all of it', () => {
    expect(members.length).toBeGreaterThan(10);
    expect(members.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
  });
});
