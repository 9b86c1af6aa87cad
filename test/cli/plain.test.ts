// Text that others wrote cannot act on a terminal, and JSON keeps its meaning.
import { describe, expect, test } from '@jest/globals';
import { assert, json as anyJson, property, string } from 'fast-check';
import { clip, plain, plainJson } from '../../src/cli/plain.js';
import { facts, table } from '../../src/cli/table.js';

const SEEN: readonly [name: string, text: string, shown: string][] = [
  ['a colour', '\u001b[31mred', String.raw`\x1b[31mred`],
  ['a title of the window', '\u001b]0;owned\u0007', String.raw`\x1b]0;owned\x07`],
  ['an 8-bit control sequence', '\u009b2J', String.raw`\x9b2J`],
  ['a line of its own', 'a\nmayfly: all is well', String.raw`a\nmayfly: all is well`],
  ['a line written over', 'a\rb', String.raw`a\rb`],
  ['a backspace', 'ab\b', String.raw`ab\x08`],
  ['a turned direction', 'a\u202egnp.exe', String.raw`a\u{202e}gnp.exe`],
  ['a zero width', 'ad\u200bmin', String.raw`ad\u{200b}min`],
  ['a hidden tag', 'a\u{e0041}', String.raw`a\u{e0041}`],
  ['a line separator', 'a\u2028b', String.raw`a\u{2028}b`],
  ['half a pair', 'a\ud800b', String.raw`a\u{d800}b`],
];

describe('plain', () => {
  test.each(SEEN)('shows %s instead of doing it', (_name, text, shown) => {
    expect(plain(text)).toBe(shown);
  });

  test.each(['crm', 'naïve café', '日本語', '😀', 'a\\b "c"'])('leaves %s as it is', (text) => {
    expect(plain(text)).toBe(text);
  });

  test('leaves nothing in any text that a terminal would act on', () => {
    assert(
      property(string({ unit: 'binary' }), (text) => {
        expect(plain(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });
});

describe('plainJson', () => {
  test('keeps the value of any document, and nothing that a terminal would act on', () => {
    assert(
      property(anyJson({ stringUnit: 'binary' }), (json) => {
        const shown = plainJson(json);
        expect(JSON.parse(shown)).toEqual(JSON.parse(json));
        expect(shown).not.toMatch(/[^\P{Cc}\n\r\t]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });
});

test('every cell of a table and every fact is made harmless', () => {
  expect(table(['name'], [['a\u001b[2Jb']])).toBe(`NAME\n${String.raw`a\x1b[2Jb`}`);
  expect(facts([['purpose', 'x\ny']])).toBe(String.raw`purpose  x\ny`);
});

test('a table is plain text in columns, without colours or spaces at the ends of lines', () => {
  const shown = table(
    ['id', 'state'],
    [
      ['run-1', 'open'],
      ['a', ''],
    ],
  );
  expect(shown).toBe('ID     STATE\nrun-1  open\na');
});

test('facts without a value are left out', () => {
  expect(
    facts([
      ['a', '1'],
      ['gone', undefined],
      ['longer', '2'],
    ]),
  ).toBe('a       1\nlonger  2');
});

test('a long text is clipped between characters, and marked', () => {
  expect(clip('short', 5)).toBe('short');
  expect(clip('longer', 5)).toBe('long…');
  expect(clip('😀😀😀', 2)).toBe('😀…');
});
