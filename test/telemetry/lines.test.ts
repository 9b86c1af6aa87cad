// Log lines that cannot be written are lost, counted, and trouble nobody.
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lines } from '../../src/telemetry/lines.js';
import { until } from '../fixtures/until.js';

const folder = mkdtempSync(join(tmpdir(), 'mayfly-lines-'));
const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
});
afterAll(() => rmSync(folder, { recursive: true }));
function open(path: string, flags: string | number = 'a'): number {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fd;
}

test('lines arrive whole and in their order', async () => {
  const file = join(folder, 'log');
  const lines = new Lines(open(file));
  const written = Array.from({ length: 5000 }, (_, index) => `line ${index} ${'ü'.repeat(index % 50)}\n`);
  for (const line of written) lines.write(line);
  const whole = written.join('');
  await until('all of them are there', () => readFileSync(file, 'utf8') === whole);
  expect(lines.lost).toBe(0);
});

test('a disk that is full loses lines and nothing else', async () => {
  const lines = new Lines(open('/dev/full'));
  for (let line = 0; line < 10; line++) lines.write('lost\n');
  await until('they are given up', () => lines.lost === 10);
  lines.write('lost\n');
  await until('the next one too', () => lines.lost === 11);
});

test('a reader that does not read loses what is beyond a bound, and gets the rest when it reads again', async () => {
  const pipe = join(folder, 'pipe');
  expect(spawnSync('sh', ['-c', 'mkfifo "$0"', pipe]).status).toBe(0);
  const fd = open(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  const lines = new Lines(fd);
  for (let kilobytes = 0; kilobytes < 3000; kilobytes++) lines.write(`${'x'.repeat(1023)}\n`);
  expect(lines.lost).toBeGreaterThan(1000);
  const piece = Buffer.alloc(64 * 1024);
  let read = 0;
  await until('all that was not lost arrived', () => {
    try {
      for (;;) read += readSync(fd, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return read === (3000 - lines.lost) * 1024;
  });
});
