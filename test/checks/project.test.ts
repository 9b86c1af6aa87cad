// What begins before anything is installed: the packages it asks for, a Node that is too old, Ctrl-C.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';

const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-project-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
const least = engines.node.replace('>=', '');

/** A program of ours, run by a Node that says it is this one. */
function byNode(version: string, args: readonly string[]): { status: number | null; stderr: string } {
  const pretence = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;
  const options = ['--import', `data:text/javascript,${encodeURIComponent(pretence)}`];
  return spawnSync(process.execPath, [...options, ...args], { encoding: 'utf8' });
}

const project = pathToFileURL('scripts/project.mjs').href;
const programs: readonly (readonly [string, readonly string[]])[] = [
  ['npm test, npm run demo and the others', ['--input-type=module', '--eval', `import '${project}'`]],
  ['mayfly', ['dist/cli/mayfly.js', '--version']],
];

describe.each(programs)('%s', (_name, args) => {
  test.each(['18.20.8', '20.9.0'])('says of Node %s that it is too old', (version) => {
    const { status, stderr } = byNode(version, args);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/^(mayfly: )?Node 20\.19(\.0)? or later is needed, and this is v[\d.]+\.?\n$/);
  });

  test.each([least, '22.1.0'])('takes Node %s', (version) => {
    expect(byNode(version, args)).toMatchObject({ status: 0, stderr: '' });
  });
});

test('packages are installed with those of development, whatever npm is set up to leave out', () => {
  const checkout = path.join(folder, 'checkout');
  const bin = path.join(folder, 'bin');
  for (const place of [path.join(checkout, 'scripts'), bin]) mkdirSync(place, { recursive: true });
  cpSync('scripts/project.mjs', path.join(checkout, 'scripts', 'project.mjs'));
  cpSync('package.json', path.join(checkout, 'package.json'));
  writeFileSync(path.join(bin, 'npm'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const copy = pathToFileURL(path.join(checkout, 'scripts', 'project.mjs')).href;
  const { stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', `import { install } from '${copy}'; process.exitCode = install();`],
    { encoding: 'utf8', env: { PATH: `${bin}:${process.env['PATH']}` } },
  );
  expect(stdout).toMatch(/^ci --include=dev /);
});

test('Ctrl-C is left to the command that runs, and its end is waited for', async () => {
  const slow = `process.once('SIGINT', () => setTimeout(() => { console.log('tidied up'); process.exit(7); }, 300));
    setInterval(() => {}, 1000); console.log('begun');`;
  const outer = `import { run } from '${project}';
    process.exitCode = run(process.execPath, ['--eval', ${JSON.stringify(slow)}]);`;
  // In a process group of its own: a terminal sends the signal to all of it.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', outer], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (text.includes('begun')) process.kill(-child.pid!, 'SIGINT');
  });
  const [exit] = (await once(child, 'close')) as [number | null];
  expect([exit, said]).toEqual([7, 'begun\ntidied up\n']);
});
