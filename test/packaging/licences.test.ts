// What Mayfly brings along: all of it is listed, and nothing asks for more than its own text and a notice.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { PERMISSIVE, dependencies, page } from '../../scripts/licences.mjs';

const json = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

describe('the packages of production', () => {
  const list = dependencies();

  test('are those that package.json names, and what these need', () => {
    const { dependencies: named } = json('package.json') as { dependencies: Record<string, string> };
    const direct = list.filter((each) => each.direct).map((each) => [each.name, each.version]);
    expect(Object.fromEntries(direct)).toEqual(named);
    expect(list.length).toBeGreaterThan(direct.length);
    expect(list.map(({ name }) => name)).not.toContain('jest');
  });

  test('are all under permissive licences', () => {
    expect(list.filter(({ licence }) => !PERMISSIVE.includes(licence))).toEqual([]);
  });

  test('say the same of themselves as the lock file says of them', () => {
    const installed = list.filter(({ name, version }) => {
      const file = path.join('node_modules', name, 'package.json');
      return existsSync(file) && json(file)['version'] === version;
    });
    expect(installed.length).toBeGreaterThan(50);
    for (const { name, licence } of installed)
      expect([name, json(path.join('node_modules', name, 'package.json'))['license']]).toEqual([
        name,
        licence,
      ]);
  });

  test('stand in docs/licences.md (else: npm run licences)', () => {
    expect(readFileSync('docs/licences.md', 'utf8')).toBe(page(list));
  });
});

describe('the bill of materials', () => {
  test('names every package of production with version, licence and digest, and none of development', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-sbom-'));
    const file = path.join(folder, 'mayfly.cdx.json');
    const made = spawnSync(process.execPath, ['scripts/sbom.mjs', file], { encoding: 'utf8' });
    expect([made.status, made.stdout]).toEqual([0, expect.stringContaining('packages')]);
    interface Component {
      name: string;
      version: string;
      hashes?: { alg: string; content: string }[];
      licenses?: { license: { id: string } }[];
    }
    const bill = json(file) as unknown as {
      bomFormat: string;
      metadata: { component: Component };
      components: Component[];
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    rmSync(folder, { recursive: true });
    expect([bill.bomFormat, bill.metadata.component.name]).toEqual(['CycloneDX', 'mayfly']);
    const told = bill.components.map(({ name, version, licenses }) => [
      name,
      version,
      licenses?.[0]?.license.id,
    ]);
    expect(new Set(told.map(String))).toEqual(
      new Set(dependencies().map(({ name, version, licence }) => String([name, version, licence]))),
    );
    for (const { name, hashes } of bill.components)
      expect([name, hashes?.[0]?.alg, hashes?.[0]?.content]).toEqual([
        name,
        'SHA-512',
        expect.stringMatching(/^[0-9a-f]{128}$/),
      ]);
    // The graph holds together: each package is there once, and names only those that are there.
    const refs = new Set(bill.dependencies.map(({ ref }) => ref));
    expect(refs.size).toBe(bill.components.length + 1);
    expect(bill.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual(
      [],
    );
  });
});
