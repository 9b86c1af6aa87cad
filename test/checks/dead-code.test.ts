// The dead-code check, with our settings, catches what nobody imports.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';

test('an export that nobody imports, and a file that nobody reaches, are dead code', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-dead-code-'));
  try {
    mkdirSync(path.join(folder, 'src'));
    copyFileSync('knip.json', path.join(folder, 'knip.json'));
    const files = {
      'package.json': `{ "name": "sample", "type": "module" }`,
      'src/main.ts': `import { used } from './lease.js';\nused();`,
      'src/lease.ts': `export const used = () => 1;\nexport const forgotten = () => 2;`,
      'src/lost.ts': `export const lost = 3;`,
    };
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text);

    const options = ['--no-progress', '--no-config-hints', '--reporter', 'compact'];
    const knip = spawnSync(process.execPath, ['node_modules/.bin/knip', '--directory', folder, ...options]);
    const output = knip.stdout.toString();

    expect(output).toContain('src/lost.ts');
    expect(output).toContain('src/lease.ts: forgotten');
    expect(output).not.toMatch(/\bused\b/);
    expect(knip.status).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
