// Text that two readers could take for two tokens, or that costs more to read than a token is worth.
import { describe, expect, test } from '@jest/globals';
import { forge } from '../fixtures/idp-keys.js';
import { authenticator, changed, good, header, key, refuses, saying, scene } from './attack.js';
import { accepted, reasonOf } from './scene.js';

const claims = () => JSON.stringify(scene.idp.claims());

/** The same signature bytes, in the alphabet of RFC 4648 §4. */
function standardAlphabet(): string {
  for (;;) {
    const token = saying({})();
    const at = token.lastIndexOf('.');
    const signature = token.slice(at).replaceAll('-', '+').replaceAll('_', '/');
    if (!token.endsWith(signature)) return token.slice(0, at) + signature;
  }
}

/** 64 bytes leave four bits of the last character over, which must be zero. */
function spareBits(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) + 1]!;
}

describe('refuses text that could be read in two ways', () => {
  refuses([
    [
      'a member twice in the header',
      () => forge(key, '{"alg":"none","alg":"ES256","kid":"one"}', claims()),
      'token_malformed',
    ],
    [
      'a member twice in the payload',
      () => forge(key, header(), claims().replace('{', '{"sub":"planner",')),
      'token_malformed',
    ],
    [
      'a member twice, once escaped',
      () => forge(key, header(), claims().replace('{', '{"\\u0073ub":"planner",')),
      'token_malformed',
    ],
    [
      'a member twice far inside',
      () => forge(key, header(), claims().replace('{', '{"a":[{"b":1,"b":2}],')),
      'token_malformed',
    ],
    ['a payload that is a list', () => forge(key, header(), `[${claims()}]`), 'token_malformed'],
    ['a payload that is a text', () => forge(key, header(), JSON.stringify(claims())), 'token_malformed'],
    ['a payload that is null', () => forge(key, header(), 'null'), 'token_malformed'],
    ['a header that is a list', () => forge(key, [header()], claims()), 'token_malformed'],
    [
      'a payload nested without end',
      () => forge(key, header(), claims().replace('{', `{"a":${'['.repeat(5000)}${']'.repeat(5000)},`)),
      'token_malformed',
    ],
    ['padding', changed(2, (one) => `${one}==`), 'token_malformed'],
    ['a space before', async () => ` ${await good()}`, 'token_malformed'],
    ['a space behind', async () => `${await good()} `, 'token_malformed'],
    ['a line end behind', async () => `${await good()}\n`, 'token_malformed'],
    ['a line end inside', changed(1, (one) => `${one.slice(0, 8)}\r\n${one.slice(8)}`), 'token_malformed'],
    ['a null byte behind', async () => `${await good()}\0`, 'token_malformed'],
    ['the standard alphabet', () => standardAlphabet(), 'token_malformed'],
    ['spare bits', changed(2, (one) => one.replace(/.$/, spareBits)), 'token_malformed'],
    ['an empty header', changed(0, () => ''), 'token_malformed'],
    ['an empty payload', changed(1, () => ''), 'token_malformed'],
    ['two segments', async () => (await good()).replace(/\.[^.]*$/, ''), 'token_malformed'],
    ['four segments', async () => `${await good()}.AA`, 'token_malformed'],
    ['100 KB', () => saying({ filler: 'x'.repeat(100_000) })(), 'token_too_large'],
    ['nothing', () => '', 'token_malformed'],
  ]);
});

test('refuses all of these still when a good token of the same issuer was just seen', async () => {
  const token = await good();
  await accepted(authenticator.authenticate(token));
  for (const other of [`${token}=`, ` ${token}`, `${token}.`, token.slice(0, -1), token.toUpperCase()])
    expect(await reasonOf(authenticator.authenticate(other))).toBe('token_malformed');
});
