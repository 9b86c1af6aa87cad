// Forms are read by our own hand on the way of every issuance: as URLSearchParams would, with each parameter once.
import { describe, expect, test } from '@jest/globals';
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { Refusal } from '../../src/domain/refusal.js';
import { parseForm } from '../../src/http/form.js';

/** By URLSearchParams. A question mark in front belongs to a URL, and it alone takes it away. */
function expected(text: string): Record<string, string> | 'twice' {
  const pairs = [...new URLSearchParams(`&${text}`)];
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) return 'twice';
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
}

function read(text: string): Record<string, string> | 'twice' {
  const form = parseForm(text);
  return form instanceof Refusal ? 'twice' : Object.fromEntries(form);
}

describe('a form', () => {
  test.each([
    ['nothing', ''],
    ['escapes', 'grant_type=urn%3Aietf%3Aparams&scope=read+write&name=%E2%82%AC'],
    ['an escape that is none', 'a=100%&b=%zz&c=%E2%82&d=%'],
    ['names without values', 'a&b=&=c&&d==&=&'],
    ['the same name twice, once empty', 'a=&b=1&a=2'],
    ['the same name in two spellings', 'scope=a&%73cope=b'],
    ['a question mark in front', '?a=1'],
    ['members that every object has', '__proto__=1&constructor=2'],
  ])('with %s is read as URLSearchParams reads it', (_what, text) => {
    expect(read(text)).toEqual(expected(text));
  });

  test('of any text is read as URLSearchParams reads it', () => {
    const pieces = constantFrom(
      '&',
      '=',
      '%',
      '+',
      '%41',
      '%C3%A9',
      '%ff',
      '?',
      ';',
      '#',
      'a',
      'b',
      ' ',
      'é',
    );
    const texts = array(oneof(pieces, string({ unit: 'grapheme', maxLength: 4 }))).map((all) => all.join(''));
    assert(property(texts, (text) => expect(read(text)).toEqual(expected(text))));
  });
});
