// Lists of tools in an answer and in a stream: what is left of them, and that all else stays as it is.
import { expect, test } from '@jest/globals';
import { narrowedEvents, narrowedList } from '../../../src/sdk/mcp/listing.js';

const shows = (tool: unknown): boolean => tool === 'read';
const listed = (...names: unknown[]) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: names.map((name) => ({ name })) } });

test.each([
  ['tools that may be called stay', listed('read'), listed('read')],
  ['others go', listed('write', 'read', 'constructor'), listed('read')],
  ['what is no tool goes', listed(7, null, ['read']), listed()],
])('%s', (_what, text, left) => {
  expect(narrowedList(text, shows)).toBe(left);
});

test.each([
  ['an error', '{"jsonrpc": "2.0", "id": 1, "error": {"message": "\\"tools\\""}}'],
  ['a result of another kind', '{"result": {"content": [{"text": "\\"tools\\": []"}]}}'],
  ['a result whose tools are no list', '{"result": {"tools": 7}}'],
  ['a text that is no JSON', '"tools" and more'],
])('%s stays as it is, to the byte', (_what, text) => {
  expect(narrowedList(text, shows)).toBe(text);
});

test('a list that is for one is kept for no other', () => {
  const text = '{"result":{"tools":[],"cacheScope":"public","ttlMs":5}}';
  expect(JSON.parse(narrowedList(text, shows))).toMatchObject({
    result: { cacheScope: 'private', ttlMs: 5 },
  });
});

const streamed = async (text: string, pieceBytes: number, lastWord?: object): Promise<string> => {
  const bytes = Buffer.from(text);
  const pieces = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        controller.enqueue(bytes.subarray(at, at + pieceBytes));
      }
      controller.close();
    },
  });
  return new Response(pieces.pipeThrough(narrowedEvents(shows, () => lastWord))).text();
};

test.each([1, 7, 64, 10_000])(
  'an event is narrowed in whatever pieces of %s bytes it comes',
  async (bytes) => {
    const around = ': keepalive\n\nevent: message\nid: 1\ndata: {"jsonrpc":"2.0","method":"ü"}\n\n';
    const event = (list: string): string => `${around}event: message\ndata: ${list}\n\n${around}`;
    expect(await streamed(event(listed('read', 'write')), bytes)).toBe(event(listed('read')));
  },
);

test('of an event that never ended nothing is passed on, and the last word is whole', async () => {
  const said = await streamed(`: keepalive\n\ndata: ${listed('write')}`, 5, { id: 1 });
  expect(said).toBe(': keepalive\n\nevent: message\ndata: {"id":1}\n\n');
});
