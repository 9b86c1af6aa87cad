// A server that our own authority vouches for, and that answers as no server should: each question has an end.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { fetchDocument } from '../../src/identity/document.js';
import { fetchWithAuthorities } from '../../src/identity/private-fetch.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const { ca, certificate, key } = makeCertificates();
let server: Server;
let url: string;
let answer: Answer;
beforeAll(async () => {
  server = createServer({ key, cert: certificate }, (request, response) => answer(request, response));
  const port = await freePort();
  url = `https://127.0.0.1:${port}/`;
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const sends =
  (text: string): Answer =>
  ({ socket }) =>
    void socket.write(text);
const without =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    void response.writeHead(status, headers).end();
const endlessly =
  (status: number): Answer =>
  (_, response) => {
    response.writeHead(status);
    const timer = setInterval(() => response.write('x'.repeat(50_000)), 1);
    response.on('close', () => clearInterval(timer));
  };

test('a document comes through, also after an early hint', async () => {
  answer = sends('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
  expect(await fetchDocument(fetchWithAuthorities, url, { ca })).toEqual({});
});

describe('a server that', () => {
  test.each<[string, Answer, string]>([
    [
      'would change the protocol',
      sends('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'the connection was closed without an answer',
    ],
    ['hangs up', ({ socket }) => void socket.destroy(), 'socket hang up'],
    [
      'hangs up in the middle',
      (_, response) =>
        void response.writeHead(200, { 'content-length': '9' }).write('{', () => response.destroy()),
      'aborted',
    ],
    ['speaks something else', sends('SSH-2.0-x\r\n\r\n'), 'Parse Error'],
    ['sends us on', without(302, { location: 'http://127.0.0.1:1/' }), 'answered 302'],
    ['has nothing', without(204), 'answered 204'],
    ['says that we know it', without(304), 'answered 304'],
    ['sends a fault without end', endlessly(500), 'answered 500'],
    ['sends a document without end', endlessly(200), 'is over 262144 bytes'],
  ])('%s is named, and never waited for for ever', async (_, misbehaves, why) => {
    answer = misbehaves;
    await expect(fetchDocument(fetchWithAuthorities, url, { ca })).rejects.toThrow(why);
  });
});
