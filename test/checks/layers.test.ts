// The checks on imports catch what they are there to catch: each runs on a small tree with one deliberate mistake.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';

type Tree = Readonly<Record<string, string>>;

const folders: string[] = [];

function check(script: 'layers' | 'circles', tree: Tree): { status: number | null; lines: string[] } {
  const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-checks-'));
  folders.push(folder);
  for (const [file, text] of Object.entries(tree)) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  const { status, stdout } = spawnSync(process.execPath, [`test/checks/${script}.mjs`, folder], {
    encoding: 'utf8',
  });
  return { status, lines: stdout.split('\n').filter((line) => line !== '') };
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('layers', () => {
  test.each<[mistake: string, file: string, text: string, complaint: string]>([
    ['domain reaches outwards', 'domain/a.ts', `import '../store/b.js';`, 'domain may not import store'],
    ['domain uses a package', 'domain/a.ts', `import { z } from 'zod';`, 'zod is imported only in'],
    ['domain does I/O', 'domain/a.ts', `import fs from 'node:fs';`, 'domain may not import node:fs'],
    ['a use case knows HTTP', 'issuance/a.ts', `import '../http/b.js';`, 'issuance may not import http'],
    [
      'a use case picks its store',
      'tasks/a.ts',
      `import '../store/embedded/b.js';`,
      'tasks may not import store/embedded',
    ],
    [
      'the port knows an adapter',
      'store/a.ts',
      `import './embedded/b.js';`,
      'store may not import store/embedded',
    ],
    ['HTTP picks its store', 'http/a.ts', `import '../store/embedded/b.js';`, 'http may not import store/'],
    ['HTTP knows the command line', 'http/a.ts', `import '../cli/b.js';`, 'http may not import cli'],
    ['a command constructs', 'cli/tasks.ts', `import '../main.js';`, 'cli may not import main.ts'],
    ['the SDK uses the server', 'sdk/a.ts', `import '../domain/b.js';`, 'sdk may not import domain'],
    ['a value where types may go', 'minters/a.ts', `import { x } from '../store/b.js';`, 'only types'],
    ['a value among types', 'minters/a.ts', `import { type X } from '../store/b.js';`, 'only types'],
    ['a re-export', 'domain/a.ts', `export * from '../store/b.js';`, 'domain may not import store'],
    ['a type', 'domain/a.ts', `let a: import('../store/b.js').B;`, 'domain may not import store'],
    ['a dynamic import', 'domain/a.ts', `await import('../store/b.js');`, 'domain may not import store'],
    [
      'express outside http',
      'tasks/a.ts',
      `import express from 'express';`,
      'express is imported only in http',
    ],
    [
      'ioredis outside its adapter',
      'store/a.ts',
      `import 'ioredis';`,
      'ioredis is imported only in store/redis',
    ],
    [
      'libsql outside its adapter',
      'store/a.ts',
      `import 'libsql';`,
      'libsql is imported only in store/embedded',
    ],
    [
      'node-cron outside main',
      'revocation/a.ts',
      `import 'node-cron';`,
      'node-cron is imported only in main.ts',
    ],
    ['AWS outside its minter', 'minters/a.ts', `import '@aws-sdk/client-sts';`, 'only in minters/aws-sts'],
    ['commander outside cli', 'main.ts', `import 'commander';`, 'commander is imported only in cli'],
    ['tables outside cli', 'http/a.ts', `import 'cli-table3';`, 'cli-table3 is imported only in cli'],
    ['yaml outside config', 'cli/a.ts', `import 'yaml';`, 'yaml is imported only in config'],
    ['jose outside its places', 'http/a.ts', `import 'jose/jwt/sign';`, 'jose is imported only in identity'],
    ['an unknown package', 'http/a.ts', `import 'left-pad';`, 'left-pad has no place'],
    ['an unknown folder', 'util/a.ts', ``, 'is in no layer'],
    ['a bare builtin', 'http/a.ts', `import 'fs';`, 'fs is written node:fs'],
    [
      'the environment',
      'http/a.ts',
      `const port = process.env.PORT;`,
      'the environment is read only in config, sdk/client/token-source.ts',
    ],
    ['the environment, taken apart', 'http/a.ts', `const { env } = process;`, 'the environment is read only'],
    [
      'the environment, imported',
      'http/a.ts',
      `import { env } from 'node:process';`,
      'the environment is read',
    ],
  ])('catches: %s', (_mistake, file, text, complaint) => {
    const { status, lines } = check('layers', { [file]: text });
    expect(lines).toEqual([expect.stringContaining(complaint)]);
    expect(lines[0]).toContain(file);
    expect(status).toBe(1);
  });

  test('names the line, and is misled neither by comments nor by texts', () => {
    const { lines } = check('layers', {
      'domain/a.ts': [
        `// import '../store/a.js';`,
        `/* import '../store/b.js';`,
        `   process.env */`,
        `export const url = 'https://crm.example'; // import '../store/c.js'`,
        `export const slashes = /[/*'"]/;`,
        `import { x } from '../store/d.js';`,
      ].join('\n'),
    });
    expect(lines).toEqual(['domain/a.ts:6: domain may not import store']);
  });

  test('lets through what the table allows', () => {
    const { status, lines } = check('layers', {
      'domain/a.ts': `import { createHash } from 'node:crypto';\nexport type { B } from './b.js';`,
      'minters/a.ts': `import type { Store } from '../store/store.js';`,
      'store/embedded/a.ts': `import libsql from 'libsql';\nimport { Store } from '../store.js';`,
      'http/app.ts': `import express from 'express';\nimport { open } from '../tasks/open-task.js';`,
      'cli/serve/run.ts': `import { main } from '../../main.js';`,
      'config/load.ts': `export const seal = process.env.MAYFLY_SEAL_KEY;`,
      'main.ts': `import cron from 'node-cron';\nimport { embedded } from './store/embedded/store.js';`,
    });
    expect(lines).toEqual([]);
    expect(status).toBe(0);
  });
});

describe('circles', () => {
  test('catches imports in a circle, those of types too, and shows the way round', () => {
    const { status, lines } = check('circles', {
      'a.ts': `import './b.js';`,
      'b.ts': `export * from './c/c.js';`,
      'c/c.ts': `import type { B } from '../b.js';`,
    });
    expect(lines).toEqual(['b.ts → c/c.ts → b.ts']);
    expect(status).toBe(1);
  });

  test('lets two ways to one module through', () => {
    const { status } = check('circles', {
      'a.ts': `import './b.js';\nimport './c.js';`,
      'b.ts': `import './c.js';`,
      'c.ts': ``,
    });
    expect(status).toBe(0);
  });
});
