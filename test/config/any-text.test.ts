// Whatever the text of a configuration: it is good, or one typed error says where it is not. Nothing else comes out.
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { stringify } from 'yaml';
import { settingsFrom } from '../../src/config/load.js';
import { ConfigurationError } from '../../src/config/mistakes.js';
import { GOOD } from './fixture.js';

async function onlyTheOneError(text: string): Promise<void> {
  try {
    await settingsFrom(text, '/nowhere/a.yaml');
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    expect(error.mistakes.length).toBeGreaterThan(0);
    for (const { line, column } of error.mistakes) {
      expect(Math.min(line ?? 0, column ?? 0)).toBeGreaterThan(0);
      expect(line).toBeLessThanOrEqual(text.split('\n').length);
    }
  }
}

const KEYS =
  'issuer listen store trust tools tasks keys http policies name audience roles agent verifier sub actions ' +
  'max_ttl algorithms crm credential __proto__ constructor toString jwks_file jwks_uri task_retention kind body_limit ' +
  'path url cluster sentinels master tls ca_file server_name password password_file password_env min_replicas prefix';
const TEXTS = [
  'ES256',
  '5m',
  'jwt',
  'oidc',
  'embedded',
  'redis',
  'redis://a:1/0',
  'a:1',
  'https://a.example',
  '*',
  '',
  '../..',
  'urn:x',
  '0s',
  '[::1]:0',
];

const key = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...KEYS.split(' ')) },
  { weight: 1, arbitrary: fc.string() },
);
const leaf = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
}));

test('values of any shape under the keys that we know', async () => {
  await fc.assert(
    fc.asyncProperty(value, (any) => onlyTheOneError(stringify(any))),
    { numRuns: 300 },
  );
});

const SCRAPS = [
  '',
  ':',
  '- ',
  '[',
  '{',
  '}',
  '"',
  "'",
  '&a ',
  '*a',
  '!!set ',
  '? ',
  '<<: *a',
  '\t',
  '\n',
  '|\n',
  '#',
];

test('the good text with any part of it cut out or replaced', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(GOOD.length),
      fc.nat(40),
      fc.oneof(fc.constantFrom(...SCRAPS), fc.string({ unit: 'binary' })),
      (start, length, scrap) => onlyTheOneError(GOOD.slice(0, start) + scrap + GOOD.slice(start + length)),
    ),
    { numRuns: 500 },
  );
});
