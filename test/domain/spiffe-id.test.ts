// The grammar of SPIFFE IDs, held against the words of the standard and against whatever comes to mind.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { isTrustDomain, parseSpiffeId } from '../../src/domain/spiffe-id.js';

const trustDomain = fc.stringMatching(/^[a-z0-9._-]{1,40}$/);
const segment = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== '.' && text !== '..');
const path = fc.array(segment, { maxLength: 8 }).map((segments) => segments.map((one) => `/${one}`).join(''));

const only = (allowed: string, one: string): boolean => one.split('').every((sign) => allowed.includes(sign));

/** The rules one by one, as SPIFFE-ID §2 lists them, without a pattern for the whole. */
function conforms(text: string): boolean {
  if (text.length > 2048 || !text.startsWith('spiffe://')) return false;
  const [domain = '', ...segments] = text.slice('spiffe://'.length).split('/');
  const lower = 'abcdefghijklmnopqrstuvwxyz0123456789.-_';
  if (domain === '' || domain.length > 255 || !only(lower, domain)) return false;
  return segments.every(
    (one) => one !== '' && one !== '.' && one !== '..' && only(`${lower}ABCDEFGHIJKLMNOPQRSTUVWXYZ`, one),
  );
}

describe('a SPIFFE ID', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(trustDomain, path, (domain, rest) => {
        expect(parseSpiffeId(`spiffe://${domain}${rest}`)).toEqual({ trustDomain: domain, path: rest });
      }),
    );
  });

  test('is what the standard says, and nothing else', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'spiffe://',
        'SPIFFE://',
        '/',
        '//',
        '.',
        '..',
        'a',
        'Z',
        '%2e',
        '?',
        '#',
        ':',
        '@',
        '\n',
        'ı',
        'prod.example',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
      segment,
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(piece, { maxLength: 10 }), (begins, pieces) => {
        const text = `${begins ? 'spiffe://' : ''}${pieces.join('')}`;
        expect([text, parseSpiffeId(text) !== undefined]).toEqual([text, conforms(text)]);
      }),
      { numRuns: 5000 },
    );
  });

  test('is no other once a single sign of it was changed, and never of another trust domain by its path', () => {
    fc.assert(
      fc.property(
        trustDomain,
        path,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        (domain, rest, at, sign) => {
          const text = `spiffe://${domain}${rest}`;
          const place = 'spiffe://'.length + domain.length + (at % (rest.length + 1));
          const changed = `${text.slice(0, place)}${sign}${text.slice(place)}`;
          const read = parseSpiffeId(changed);
          if (read && place > 'spiffe://'.length + domain.length) expect(read.trustDomain).toBe(domain);
          if (read) expect(`spiffe://${read.trustDomain}${read.path}`).toBe(changed);
        },
      ),
    );
  });

  test('has 2048 bytes at most, and its trust domain 255', () => {
    const longest = `spiffe://a/${'b'.repeat(2048 - 11)}`;
    expect([longest.length, parseSpiffeId(longest)?.trustDomain]).toEqual([2048, 'a']);
    expect(parseSpiffeId(`${longest}b`)).toBeUndefined();
    expect(isTrustDomain('a'.repeat(255))).toBe(true);
    expect(isTrustDomain('a'.repeat(256))).toBe(false);
  });

  test('is read in a time that grows with its length alone', () => {
    const awkward = `spiffe://a${'/a'.repeat(1000)}/ `;
    const began = performance.now();
    for (let n = 0; n < 100; n++) expect(parseSpiffeId(awkward)).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(500);
  });
});
