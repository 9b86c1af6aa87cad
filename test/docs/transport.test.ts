// docs/transport.md: its examples are good, and the limits that it shows are those in force where nobody says anything.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { httpSchema } from '../../src/config/http-schema.js';
import { settingsFrom } from '../../src/config/load.js';
import { securityHeaders } from '../../src/http/security-headers.js';
import { GOOD } from '../config/fixture.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';

const page = readFileSync('docs/transport.md', 'utf8');
const flowing = page.replaceAll(/\s+/g, ' ');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const folder = mkdtempSync(join(tmpdir(), 'mayfly-page-'));
const { certificate, key } = makeCertificates();
writeFileSync(join(folder, 'tls.crt'), certificate);
writeFileSync(join(folder, 'tls.key'), key);

test.each(examples)('an example is good: %s', async (example) => {
  const text = stringify({ ...parse(GOOD), ...parse(example.replaceAll('/etc/mayfly/tls', folder)) });
  await expect(settingsFrom(text, join(folder, 'mayfly.yaml'))).resolves.toBeDefined();
});

test('shows every limit of the server, with its default', async () => {
  const shown = examples.map((text) => parse(text) as { http?: object }).find(({ http }) => http);
  const names = Object.keys(httpSchema.shape).filter((name) => name !== 'drain_timeout');
  expect(Object.keys(shown!.http!).toSorted()).toEqual(names.toSorted());
  const written = await settingsFrom(stringify({ ...parse(GOOD), ...shown }), 'a.yaml');
  expect(written.http).toEqual((await settingsFrom(GOOD, 'a.yaml')).http);
});

test('tells of every header that every answer has', () => {
  const lines = securityHeaders(true);
  for (let at = 0; at < lines.length; at += 2)
    expect(flowing.toLowerCase()).toContain(`\`${lines[at]}: ${lines[at + 1]}\``.toLowerCase());
});
