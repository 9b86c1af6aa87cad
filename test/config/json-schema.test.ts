// The JSON Schema that editors read is the one that our own schema says. UPDATE_SCHEMA=1 writes it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import * as prettier from 'prettier';
import { parse } from 'yaml';
import { configurationJsonSchema } from '../../src/config/json-schema.js';

const PATH = 'config/mayfly.schema.json';

test('the file in config/ is fresh', async () => {
  if (process.env['UPDATE_SCHEMA'] === '1') {
    const options = await prettier.resolveConfig(PATH);
    const text = await prettier.format(JSON.stringify(configurationJsonSchema), {
      ...options,
      filepath: PATH,
    });
    writeFileSync(PATH, text);
  }
  expect(JSON.parse(readFileSync(PATH, 'utf8'))).toEqual(JSON.parse(JSON.stringify(configurationJsonSchema)));
});

const permits = new Ajv().compile(JSON.parse(readFileSync(PATH, 'utf8')));

test.each(['config/mayfly.yaml', 'config/mayfly.dev.yaml', 'deploy/mayfly/mayfly.yaml'])(
  '%s points at it, and fits it',
  (path) => {
    const text = readFileSync(path, 'utf8');
    const [, named = ''] = /^# yaml-language-server: \$schema=(.*)$/m.exec(text.split('\n')[0]!) ?? [];
    expect(join(dirname(path), named)).toBe(PATH);
    permits(parse(text));
    expect(permits.errors).toBeNull();
    expect(permits({ ...parse(text), lissten: 'x' })).toBe(false);
  },
);

describe('an editor is told the same of a store as we say', () => {
  const configuration = parse(readFileSync('config/mayfly.yaml', 'utf8'));

  test.each([
    ['{ kind: embedded, path: ./mayfly.db }', true],
    ['{ kind: redis, url: redis://127.0.0.1:6379/0 }', true],
    ['{ kind: redis, cluster: [redis-1.example:6379], tls: { ca_file: ca.pem } }', true],
    ['{ kind: redis, sentinels: [s1.example:26379], master: mymaster, tls: true }', true],
    ['{ kind: redis, sentinels: [s1.example:26379] }', false],
    ['{ kind: redis, url: redis://a, cluster: [a:1] }', false],
    ['{ kind: redis, path: ./mayfly.db, url: redis://a }', false],
    ['{ kind: redis, url: redis://a, password: hunter2 }', false],
    ['{ kind: redis }', false],
    ['{ kind: embedded, path: ./mayfly.db, url: redis://a }', false],
  ])('%s', (store, good) => {
    expect(permits({ ...configuration, store: parse(store) })).toBe(good);
  });
});

test('says of every key what it is for', () => {
  const undescribed: string[] = [];
  const walk = (schema: unknown, at: string): void => {
    const { properties, items, additionalProperties, anyOf, oneOf } = schema as Record<string, object>;
    for (const form of [anyOf ?? [], oneOf ?? []].flat()) walk(form, at);
    for (const [name, property] of Object.entries(properties ?? {})) {
      // Roles are described as a whole.
      if (at.endsWith('.roles')) continue;
      if (!('description' in property)) undescribed.push(`${at}.${name}`);
      walk(property, `${at}.${name}`);
    }
    if (items) walk(items, `${at}[]`);
    if (typeof additionalProperties === 'object') walk(additionalProperties, `${at}.*`);
  };
  walk(configurationJsonSchema, '');
  expect(undescribed).toEqual([]);
});
