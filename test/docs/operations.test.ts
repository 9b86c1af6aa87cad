// The drills of docs/operations.md, run as they stand on the page: what an operator copies into a terminal works.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';

const page = readFileSync('docs/operations.md', 'utf8');

/** What it wrote. @throws where a command of it fails, with all that was said. */
async function drill(heading: string, variables: Record<string, string>): Promise<string> {
  const blocks = ['Before both', heading].flatMap(blocksBelow);
  expect(blocks.length).toBeGreaterThan(10);
  const { exit, out, err } = await run(blocks, variables);
  if (exit !== 0) throw new Error(`the drill ended with ${exit}:\n${out}\n${err}`);
  return out;
}

/** The shell blocks below a heading, up to the next one, in their order. */
function blocksBelow(heading: string): string[] {
  const [, section = ''] = page.split(`\n### ${heading}\n`);
  const [own = ''] = section.split(/^##/m);
  return [...own.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

let folder: string;
let group: number | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-drill-'));
  // What npm would put there.
  writeFileSync(join(folder, 'mayfly'), `#!/bin/sh\nexec node ${resolve('dist/cli/mayfly.js')} "$@"\n`, {
    mode: 0o755,
  });
});
afterEach(() => {
  // Brokers that a drill which failed has left behind: its own process group, and nothing else.
  try {
    if (group !== undefined) process.kill(-group, 'SIGKILL');
  } catch {
    // They are gone, as they should be.
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Ends at the first command that fails, as somebody at a terminal would. */
async function run(blocks: readonly string[], variables: Record<string, string>) {
  const path = [folder, process.env['PATH']].join(delimiter);
  const child = spawn('bash', ['-euxo', 'pipefail', '-c', blocks.join('\n')], {
    cwd: folder,
    env: { PATH: path, NODE_NO_WARNINGS: '1', ...variables },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  group = child.pid;
  const written = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.err += text));
  const exit = await new Promise<number | null>((done, failed) =>
    child.once('close', done).once('error', failed),
  );
  return { exit, ...written };
}

describe('the recovery drill', () => {
  test('with the embedded store: what the backup revived is dead in the end, and work goes on', async () => {
    const out = await drill('With the embedded store', { PORT: String(await freePort()) });
    expect(out.match(/^(alive|dead|alive again)$/gm)).toEqual([
      'alive',
      'dead',
      'alive again',
      'dead',
      'alive',
    ]);
    expect(out).toMatch(/closed +1 task, with all below/);
  }, 120_000);
});
