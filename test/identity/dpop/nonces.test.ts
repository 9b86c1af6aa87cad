// Nonces that nobody keeps: good for a while, for one key, at every broker with the seal key, and across its rotation.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import { Secret } from '../../../src/domain/secret.js';
import { Nonces } from '../../../src/identity/dpop/nonces.js';
import { Seal } from '../../../src/keys/seal.js';

const NOW = Date.UTC(2030, 0, 1);
const newKey = (): Secret => new Secret(randomBytes(32).toString('base64'));
const noncesOf = (...keys: Secret[]): Nonces => new Nonces(new Seal(keys).derived('dpop nonces'));

describe('a nonce', () => {
  const [old, current] = [newKey(), newKey()];
  const nonces = noncesOf(old);
  const nonce = nonces.next('key-1', NOW);

  test.each<[string, number, string]>([
    ['at once', 0, 'good'],
    ['for half of its time', 2.5 * MINUTE_MS - 1, 'good'],
    ['then while the next one rides on answers', 2.5 * MINUTE_MS, 'ageing'],
    ['to its last millisecond', 5 * MINUTE_MS - 1, 'ageing'],
    ['and no longer', 5 * MINUTE_MS, 'bad'],
    ['by a clock that is a minute behind', -MINUTE_MS, 'good'],
    ['but not by one that is further behind', -MINUTE_MS - 1, 'bad'],
  ])('stands %s: %d ms after it was made, %s', (_, afterMs, standing) => {
    expect(nonces.standing(nonce, 'key-1', NOW + afterMs)).toBe(standing);
  });

  test('is known to another broker with the same seal key, and to one that has a newer one as well', () => {
    expect(noncesOf(old).standing(nonce, 'key-1', NOW)).toBe('good');
    expect(noncesOf(current, old).standing(nonce, 'key-1', NOW)).toBe('good');
    expect(noncesOf(old, current).standing(noncesOf(current, old).next('key-1', NOW), 'key-1', NOW)).toBe(
      'good',
    );
    expect(noncesOf(current).standing(nonce, 'key-1', NOW)).toBe('bad');
  });

  test('is of one key of the caller, and of one purpose', () => {
    expect(nonces.standing(nonce, 'key-2', NOW)).toBe('bad');
    const other = new Nonces(new Seal([old]).derived('something else'));
    expect(other.standing(nonce, 'key-1', NOW)).toBe('bad');
  });

  test('cannot be made up, nor altered by a bit, nor written in another way', () => {
    const bytes = Buffer.from(nonce, 'base64url');
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(nonces.standing(altered.toString('base64url'), 'key-1', NOW)).toBe('bad');
    }
    const others = [
      '',
      'x',
      `${nonce}A`,
      `${nonce}=`,
      ` ${nonce}`,
      nonce.slice(0, -1),
      randomBytes(22).toString('base64url'),
    ];
    for (const other of others) expect(nonces.standing(other, 'key-1', NOW)).toBe('bad');
  });

  test('is another a second later, so that an old proof is not made good by a new one', () => {
    expect(nonces.next('key-1', NOW + SECOND_MS)).not.toBe(nonce);
  });
});
