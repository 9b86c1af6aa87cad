// A stream to one reader: what it has not read is not kept for ever.
import { afterEach, expect, test } from '@jest/globals';
import type { IncomingMessage, Server } from 'node:http';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventStream } from '../../src/http/event-stream.js';
import { freePort } from '../../examples/demo/port.js';
import { until } from '../fixtures/until.js';

const FRAME = Buffer.alloc(256 * 1024, 'x');
/** Systems keep some megabytes for a connection themselves. */
const PLENTY = 400;

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Both ends of a stream. */
async function opened(): Promise<{ stream: EventStream; reader: IncomingMessage }> {
  let stream: EventStream | undefined;
  server = createServer((_request, response) => {
    response.writeHead(200, { connection: 'close' });
    response.flushHeaders();
    stream = new EventStream(response);
  }).listen(await freePort(), '127.0.0.1');
  await until('it listens', () => server!.listening);
  const { port } = server.address() as AddressInfo;
  const reader = await new Promise<IncomingMessage>((resolve) => {
    request({ host: '127.0.0.1', port }, resolve).end();
  });
  reader.on('error', () => {});
  return { stream: stream!, reader };
}

const connections = (): Promise<number> =>
  new Promise((resolve) => server!.getConnections((_error, count) => resolve(count)));

test('who does not read gets nothing more after a bounded amount, and no last word keeps it open', async () => {
  const { stream, reader } = await opened();
  reader.pause();
  let written = 0;
  while (written < PLENTY && stream.write(FRAME)) written++;
  expect(written).toBeLessThan(PLENTY);
  stream.end('event: end\n\n');
  await until('its connection is gone', async () => (await connections()) === 0);
});

test('what many begin with is there once, not once for each', () => {
  const frames = [Buffer.from('snapshot'), Buffer.from('change')];
  const written: Buffer[] = [];
  const response = { on: () => undefined, write: (frame: Buffer) => written.push(frame), writableLength: 0 };
  new EventStream(response as never).begin(frames);
  expect(written.map((frame, at) => frame === frames[at])).toEqual([true, true]);
});

test('a large beginning is no fault of the reader, once', async () => {
  const { stream, reader } = await opened();
  reader.pause();
  const large = Buffer.alloc(32 * 1024 * 1024, 'x');
  stream.begin([large, FRAME]);
  expect(stream.write(FRAME)).toBe(true);
  let read = 0;
  reader.on('data', (piece: Buffer) => (read += piece.length)).resume();
  await until('all of it is read', () => read === large.length + 2 * FRAME.length);
  reader.pause();
  let written = 0;
  while (written < PLENTY && stream.write(FRAME)) written++;
  expect(written).toBeLessThan(large.length / FRAME.length);
});
