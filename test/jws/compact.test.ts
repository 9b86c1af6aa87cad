// A compact JWS has one text: whatever else could be taken for it is refused.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { compactVerify } from 'jose';
import { Refusal } from '../../src/domain/refusal.js';
import { composeCompact, parseCompact } from '../../src/jws/compact.js';
import { signSync } from '../../src/jws/signature.js';
import { type IssuerKey, issuerKey, segment } from '../fixtures/idp-keys.js';

const reasonOf = (token: string, mostBytes?: number): string | undefined => {
  const parsed = parseCompact(token, mostBytes);
  return parsed instanceof Refusal ? parsed.reason : undefined;
};

describe('a compact token', () => {
  let key: IssuerKey;
  let token: string;
  beforeAll(async () => {
    key = await issuerKey('ES256', 'one');
    token = composeCompact({ alg: 'ES256', kid: 'one' }, { sub: 'agent-7', name: 'Zoë 🙂' }, (input) =>
      signSync('ES256', key.privateKey, input),
    );
  });

  test('that we compose is one that jose verifies', async () => {
    const { payload, protectedHeader } = await compactVerify(token, key.publicKey);
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ sub: 'agent-7', name: 'Zoë 🙂' });
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'one' });
  });

  test('is taken apart into what was put together', () => {
    const parsed = parseCompact(token);
    if (parsed instanceof Refusal) throw new Error(parsed.detail);
    expect(parsed.header).toEqual({ alg: 'ES256', kid: 'one' });
    expect(parsed.payload).toEqual({ sub: 'agent-7', name: 'Zoë 🙂' });
    expect(parsed.signingInput).toBe(token.split('.').slice(0, 2).join('.'));
    expect(parsed.signature.toString('base64url')).toBe(token.split('.')[2]);
  });

  test('has no other text: one character more, less or different is refused, or is another token', () => {
    const parsed = parseCompact(token);
    if (parsed instanceof Refusal) throw new Error(parsed.detail);
    const insertion = fc.constantFrom(
      '=',
      ' ',
      '\n',
      '\t',
      '\r',
      '\0',
      '.',
      '+',
      '/',
      '~',
      'é',
      '\u2028',
      'A',
    );
    fc.assert(
      fc.property(fc.nat(token.length), fc.nat(1), insertion, (at, removed, inserted) => {
        const other = token.slice(0, at) + inserted + token.slice(at + removed);
        fc.pre(other !== token);
        const found = parseCompact(other);
        if (found instanceof Refusal) return;
        const same = found.signingInput === parsed.signingInput && found.signature.equals(parsed.signature);
        expect(same).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['is empty', ''],
    ['has one segment', 'e30'],
    ['has two segments', 'e30.e30'],
    ['has four segments', 'e30.e30.AA.AA'],
    ['has six segments', 'e30.e30.AA.AA.AA.AA'],
    ['has no header', '.e30.AA'],
    ['has no payload', 'e30..AA'],
    ['has no signature', 'e30.e30.'],
    ['has a header that is no JSON', `${segment('nonsense')}.e30.AA`],
    ['has a header that is a list', `${segment('[]')}.e30.AA`],
    ['has a payload that is a text', `e30.${segment('"agent-7"')}.AA`],
    ['has a payload that is null', `e30.${segment('null')}.AA`],
    ['has a payload with a member twice', `e30.${segment('{"sub":"a","sub":"b"}')}.AA`],
    ['is padded', 'e30=.e30.AA'],
    ['has spare bits in its signature', 'e30.e30.AB'],
    ['has spare bits in its payload', 'e30.e31.AA'],
    ['has a segment of an impossible length', 'e30.e30.AAAAA'],
    ['is in the standard alphabet', 'e30.e30.+/+/'],
  ])('is not what %s', (_, text) => expect(reasonOf(text)).toBe('token_malformed'));

  test('with five segments is a JWE, which we do not read', () => {
    expect(reasonOf('e30.AA.AA.AA.AA')).toBe('token_encrypted');
    expect(reasonOf('e30....')).toBe('token_encrypted');
  });

  test('over the limit is refused before it is looked at', () => {
    const large = `e30.${segment({ filler: 'x'.repeat(100_000) })}.AA`;
    expect(reasonOf(large)).toBe('token_too_large');
    expect(reasonOf(large, 200_000)).toBeUndefined();
    expect(reasonOf('e30.e30.AA', 10)).toBeUndefined();
    expect(reasonOf('e30.e30.AA', 9)).toBe('token_too_large');
  });
});
