// What is sealed opens under its own key and for its own purpose, whole, or not at all.
import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { Secret } from '../../src/domain/secret.js';
import { Seal, SealError } from '../../src/keys/seal.js';

const newKey = (): Secret => new Secret(randomBytes(32).toString('base64'));
const seal = new Seal([newKey()]);

test('whatever is sealed comes out again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.string(), (bytes, context) => {
      expect(seal.open(seal.seal(Buffer.from(bytes), context), context)).toEqual(Buffer.from(bytes));
    }),
  );
});

test('the same is never sealed to the same text, nor shows through it', () => {
  const texts = Array.from({ length: 100 }, () => seal.seal('a secret', 'x'));
  expect(new Set(texts).size).toBe(100);
  for (const text of texts)
    expect(Buffer.from(text.split('.')[2]!, 'base64url').includes('a secret')).toBe(false);
});

test('it opens for nothing else', () => {
  const sealed = seal.seal('a secret', 'signing-key:one');
  expect(() => seal.open(sealed, 'signing-key:two')).toThrow(SealError);
});

test('altered, cut short or lengthened anywhere, it does not open', () => {
  const sealed = seal.seal('a secret', 'x');
  const [version, name, body] = sealed.split('.') as [string, string, string];
  const bytes = Buffer.from(body, 'base64url');
  const opens = (altered: Buffer) => () =>
    seal.open(`${version}.${name}.${altered.toString('base64url')}`, 'x');
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered[at]! ^= 1;
    expect(opens(altered)).toThrow(SealError);
    expect(opens(bytes.subarray(0, at))).toThrow(SealError);
  }
  expect(opens(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(SealError);
});

test.each(['', 'v1', 'v1.', 'v1..', 'v2.name.body', 'garbage', 'v1.00000000.AAAA'])(
  '%j was never sealed',
  (text) => {
    expect(() => seal.open(text, 'x')).toThrow(SealError);
  },
);

describe('keys are changed one after the other', () => {
  const [one, two] = [newKey(), newKey()];
  const before = new Seal([one]).seal('a secret', 'x');

  test('the first seals, all of them open', () => {
    const between = new Seal([two, one]);
    expect(between.open(before, 'x').toString()).toBe('a secret');
    expect(new Seal([two]).open(between.seal('another', 'x'), 'x').toString()).toBe('another');
  });

  test('a key that is gone is asked for by what it sealed, and not shown', () => {
    expect(() => new Seal([two]).open(before, 'signing-key:k')).toThrow(
      /^signing-key:k was sealed with a key that is not at hand: give that key too in MAYFLY_SEAL_KEY$/,
    );
    expect(before).not.toContain(one.reveal());
  });
});

test.each([
  [[]],
  [['short']],
  [[Buffer.alloc(31).toString('base64')]],
  [[Buffer.alloc(33).toString('base64')]],
])('a key must be 32 bytes, and there must be one: %j', (keys) => {
  expect(() => new Seal(keys.map((key) => new Secret(key)))).toThrow(SealError);
});
