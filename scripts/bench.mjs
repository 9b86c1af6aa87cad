// `npm run bench -- NAME [options]`: runs bench/NAME.ts; without a name says which there are.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { build, install, root, run } from './project.mjs';

const folder = path.join(root, 'bench');
const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith('.ts') && !file.startsWith('_'))
      .map((file) => file.slice(0, -'.ts'.length))
  : [];
const [name, ...options] = process.argv.slice(2);

if (name !== undefined && names.includes(name)) {
  process.exitCode =
    install() || build() || run(process.execPath, ['--import', 'tsx', `bench/${name}.ts`, ...options]);
} else {
  console.error(`usage: npm run bench -- NAME [options]\nbenchmarks: ${names.join(', ') || 'none'}`);
  process.exitCode = 2;
}
