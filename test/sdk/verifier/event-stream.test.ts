// Events come out of a stream as they were put in, wherever it is cut, and nothing in it takes more memory than an event may.
import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { EventStream, StreamFlaw } from '../../../src/sdk/verifier/feed/event-stream.js';
import { oneOf, randomFrom, upTo } from '../../fixtures/random.js';

const bytes = (text: string): Buffer => Buffer.from(text);

test('wherever it is cut, and however its lines end', () => {
  const seed = randomBytes(4).readUInt32BE();
  const random = randomFrom(seed);
  for (let n = 0; n < 200; n++) {
    const end = oneOf(random, ['\n', '\r\n', '\r']);
    const wanted = Array.from({ length: 5 }, (_, at) => ({
      event: `e${at}`,
      data: 'å€😀x'.repeat(upTo(random, 5) + 1),
    }));
    const text = wanted
      .map(({ event, data }) =>
        [
          ': a comment',
          `event: ${event}`,
          'id: 7',
          'retry',
          `data:${oneOf(random, ['', ' '])}${data}`,
          '',
          '',
        ].join(end),
      )
      .join('');
    const whole = bytes(`\u{feff}${text}`);
    const stream = new EventStream();
    const came = [];
    for (let at = 0; at < whole.length;) {
      const next = at + 1 + upTo(random, 12);
      came.push(...stream.take(whole.subarray(at, next)));
      at = next;
    }
    if (JSON.stringify(came) !== JSON.stringify(wanted))
      throw new Error(`seed ${seed}: ${JSON.stringify(came)}`);
  }
});

test('data in several lines is one event; an event without data is none', () => {
  const stream = new EventStream();
  expect(stream.take(bytes('data: a\ndata\ndata: b\n\nevent: empty\n\n:\n\ndata: c\n\n'))).toEqual([
    { event: 'message', data: 'a\n\nb' },
    { event: 'message', data: 'c' },
  ]);
});

test('one that has no end, as a line or as many, is given up', () => {
  const line = new EventStream(1000);
  expect(() => {
    for (let n = 0; n < 20; n++) line.take(bytes('data: '.padEnd(100, 'x')));
  }).toThrow(StreamFlaw);
  const lines = new EventStream(1000);
  expect(() => {
    for (let n = 0; n < 20; n++) lines.take(bytes(`${'data: '.padEnd(99, 'x')}\n`));
  }).toThrow(StreamFlaw);
  const comments = new EventStream(1000);
  for (let n = 0; n < 100; n++) expect(comments.take(bytes(`${': '.padEnd(99, 'x')}\n`))).toEqual([]);
});
