// What README.md tells people to type is typed here as it stands, and what it shows is compared with what comes out.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { until } from '../fixtures/until.js';

const PATIENCE_MS = 20_000;

interface Block {
  readonly typed: string;
  /** `…` stands for anything. Undefined where nothing is shown. */
  readonly shown: string | undefined;
}

/** The blocks marked `sh`, each with the `text` block that follows it before the next. */
function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const [, language, text = ''] of markdown.matchAll(/^```(sh|text)\n([^]*?)^```$/gm)) {
    if (language === 'sh') blocks.push({ typed: text, shown: undefined });
    else blocks.push({ ...blocks.pop()!, shown: text.trimEnd() });
  }
  return blocks;
}

const pattern = (shown: string): RegExp =>
  new RegExp(`^${shown.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`).replaceAll('…', '[^]*?')}`);

const running: ChildProcess[] = [];
const folder = mkdtempSync(path.join(tmpdir(), 'mayfly-readme-'));
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    // The terminal and the broker in it, as Ctrl-C would.
    process.kill(-child.pid!, 'SIGINT');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A terminal in a folder that has the build and nothing else: `./data` is made there. */
function terminal(commands: string, port: number): ChildProcess & { told: () => string } {
  const env = { PATH: process.env['PATH'], HOME: folder, PORT: String(port) };
  const child = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', commands], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let told = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (told += text));
  return Object.assign(child, { told: () => told });
}

test('the walk-through works as it is written, and comes out as it is shown', async () => {
  const [first, ...others] = blocksOf(readFileSync('README.md', 'utf8'));
  expect(others.filter(({ shown }) => shown !== undefined).length).toBeGreaterThanOrEqual(6);
  symlinkSync(path.resolve('dist'), path.join(folder, 'dist'));
  const port = await freePort();

  const broker = terminal(first!.typed, port);
  await until('the broker listens', () => broker.told().includes('"msg":"listening"'), {
    withinMs: PATIENCE_MS,
    givingUp: () => (broker.exitCode === null ? undefined : broker.told()),
  });

  const mark = '~~~ end of a block ~~~';
  const hands = terminal(others.map(({ typed }) => `${typed}echo '${mark}'\n`).join(''), port);
  const [code] = (await once(hands, 'close')) as [number | null];
  const came = hands.told().split(`${mark}\n`);
  for (const [index, { shown }] of others.entries()) {
    if (shown === undefined) continue;
    expect(came[index]).toMatch(pattern(shown));
  }
  expect(code).toBe(0);
});
