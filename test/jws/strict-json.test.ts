// Strict JSON against JSON.parse: the same values, but for what may be read in two ways.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseStrictObject } from '../../src/jws/strict-json.js';

const parse = (text: string) => parseStrictObject(Buffer.from(text));

/** Objects that a strict reader takes: no lone surrogates, no `__proto__`, not nested without end. */
const text = fc.string({ unit: 'grapheme' });
const strictObjects = fc.dictionary(
  text.filter((name) => name !== '__proto__'),
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      text,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value')),
      fc.dictionary(
        text.filter((name) => name !== '__proto__'),
        tie('value'),
      ),
    ),
  })).value,
);

/** Every character as an escape: what is meant stays the same. */
const escapes = (said: string): string =>
  Array.from(
    { length: said.length },
    (_, at) => `\\u${said.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');

const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;

describe('a strict JSON object', () => {
  test('is read as JSON.parse reads it, however it is spaced and escaped', () => {
    fc.assert(
      fc.property(strictObjects, fc.constantFrom('', ' ', '\t\n'), (value, space) => {
        const json = JSON.stringify(value, null, space);
        expect(parse(json)).toEqual(JSON.parse(json));
        expect(parse(json.replace(/[^ -~\t\n]/gu, escapes))).toEqual(JSON.parse(json));
      }),
    );
  });

  test('is never read from text that JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), strictObjects, (noise, at, value) => {
        const json = JSON.stringify(value);
        const cut = at % (json.length + 1);
        const broken = Buffer.from(json.slice(0, cut) + noise + json.slice(cut)).toString();
        let expected: unknown;
        try {
          expected = JSON.parse(broken);
        } catch {
          expected = undefined;
        }
        const found = parse(broken);
        if (found !== undefined) expect(found).toEqual(expected);
      }),
    );
  });

  test('with any member written twice is refused, at any depth, however its name is escaped', () => {
    fc.assert(
      fc.property(strictObjects, text, fc.nat(6), fc.boolean(), (value, name, depth, escape) => {
        fc.pre(!Object.hasOwn(value, name));
        const once = JSON.stringify(value).slice(1, -1);
        const said = JSON.stringify(name);
        const again = escape ? `"${escapes(name)}"` : said;
        const members = [`${said}:1`, ...(once ? [once] : []), `${again}:2`].join(',');
        const twice = `${'{"in":['.repeat(depth)}{${members}}${']}'.repeat(depth)}`;
        expect(JSON.parse(twice)).toBeDefined();
        expect(parse(twice)).toBeUndefined();
      }),
    );
  });

  test.each([
    ['is an array', '[]'],
    ['is a text', '"{}"'],
    ['is null', 'null'],
    ['is empty', ''],
    ['goes on after its end', '{}{}'],
    ['begins with a byte order mark', '\ufeff{}'],
    ['has a comment', '{/* */}'],
    ['names a prototype', '{"a":{"__proto__":{"role":"operator"}}}'],
    ['names a prototype by escapes', '{"\\u005f_proto__":{}}'],
    ['has half a character as a value', '{"sub":"\\ud800"}'],
    ['has half a character as a name', '{"\\udc00x":1}'],
    ['has half a character in a list', '{"a":["\\uDBFF"]}'],
  ])('is not what %s', (_, json) => expect(parse(json)).toBeUndefined());

  test('may have the same name in objects beside and within each other, and commas and quotes in texts', () => {
    const json = '{"a":[{"a":1},{"a":"\\"a\\":1,{\\\\"}],"b":{"a":["a","a"]},"":",","\\\\":"\\ud83d\\ude00"}';
    expect(parse(json)).toEqual(JSON.parse(json));
  });

  test.each([
    ['a byte that is no UTF-8', [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]],
    ['an overlong slash', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    ['half a character', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
  ])('has only UTF-8: not %s', (_, bytes) =>
    expect(parseStrictObject(Uint8Array.from(bytes))).toBeUndefined(),
  );

  test('is nested 32 deep at most, and what is nested without end costs no stack', () => {
    expect(parse(nested(32))).toBeDefined();
    expect(parse(nested(33))).toBeUndefined();
    expect(parse(nested(100_000))).toBeUndefined();
    expect(parse(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toBeUndefined();
  });
});
