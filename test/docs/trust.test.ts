// docs/trust.md and config/mayfly.yaml: what they show of trust can be used as it stands.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { settingsFrom } from '../../src/config/load.js';
import { trustShapes } from '../../src/config/trust/schema.js';
import { REFUSAL_REASONS } from '../../src/domain/refusal.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';

const page = readFileSync('docs/trust.md', 'utf8');
const file = readFileSync('config/mayfly.yaml', 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-trust-page-'));
  const write = (name: string, content: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  };
  cpSync('config/policies', join(folder, 'policies'), { recursive: true });
  write('run/secrets/cluster/ca.crt', makeCertificates().ca);
  write('run/secrets/spire/ca.pem', makeCertificates().ca);
  write('run/secrets/cluster/token', 'token');
  write('staging.bundle.json', '{"keys":[]}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The example in the place of the file's own trust; what it names at the root of the machine is in our folder. */
const loaded = (trust: unknown) =>
  settingsFrom(
    stringify({ ...parse(file), trust }).replaceAll('/run/secrets/', `${folder}/run/secrets/`),
    join(folder, 'mayfly.yaml'),
  );

/** The entries that stand in the file as comments. */
const commented = (): { kind: string }[] => {
  const lines = file.split('\n');
  const from = lines.findIndex((line) => line.startsWith('  # Other kinds of issuer'));
  const rest = lines.slice(from + 1);
  const block = rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('  # ')),
  );
  return parse(block.map((line) => line.slice('  # '.length)).join('\n')) as { kind: string }[];
};

describe('the page', () => {
  test.each(examples)('shows what is good: %s', async (example) => {
    const { trust } = parse(example) as { trust: unknown[] };
    expect((await loaded(trust)).trust).toHaveLength(trust.length);
  });

  test('shows every kind, and every setting of each', () => {
    const shown = examples.flatMap((example) => (parse(example) as { trust: { kind: string }[] }).trust);
    expect([...new Set(shown.map(({ kind }) => kind))].toSorted()).toEqual(
      Object.keys(trustShapes).toSorted(),
    );
    for (const shape of Object.values(trustShapes)) {
      for (const name of Object.keys(shape)) expect(page).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });

  test('calls refusals by their reasons', () => {
    const tables = page.split('| refused | reason | why |').slice(1);
    const rows = tables.flatMap((table) => table.split('\n\n')[0]!.split('\n'));
    const reasons = rows.flatMap((row) =>
      [...(row.split(' | ')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, one]) => one),
    );
    expect(reasons.length).toBeGreaterThan(10);
    for (const reason of reasons) expect(REFUSAL_REASONS).toContain(reason);
  });
});

describe('config/mayfly.yaml', () => {
  test('shows every other kind, as it can be used', async () => {
    const { trust } = await loaded(commented());
    expect(trust.map(({ kind }) => kind)).toEqual(['kubernetes', 'github', 'spiffe']);
  });

  test('shows the defaults of each kind', async () => {
    const without = commented().map((entry) =>
      Object.fromEntries(
        Object.entries(entry).filter(
          ([name]) =>
            !['algorithms', 'max_token_age', 'issuer'].includes(name) ||
            (name === 'issuer' && entry.kind === 'kubernetes'),
        ),
      ),
    );
    expect((await loaded(without)).trust).toEqual((await loaded(commented())).trust);
  });
});
