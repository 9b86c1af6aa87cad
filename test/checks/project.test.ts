// What begins before anything is installed: a Node that is too old is told so.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';

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
