// The JSON Schema that editors read is the one that our own schema says. UPDATE_SCHEMA=1 writes it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as prettier from 'prettier';
import { parse } from 'yaml';
import { z } from 'zod';
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

test.each(['config/mayfly.yaml', 'config/mayfly.dev.yaml'])('%s points at it, and fits it', (path) => {
  const text = readFileSync(path, 'utf8');
  expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./mayfly.schema.json');
  const published = z.fromJSONSchema(JSON.parse(readFileSync(PATH, 'utf8')));
  expect(published.safeParse(parse(text)).error).toBeUndefined();
  expect(published.safeParse({ ...parse(text), lissten: 'x' }).success).toBe(false);
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
