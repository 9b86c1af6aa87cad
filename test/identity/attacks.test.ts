// Every way we know of to pass for somebody else, and the reason for which each is refused.
import { describe, test } from '@jest/globals';
import { createHmac, sign } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import { forge, type IssuerKey, segment } from '../fixtures/idp-keys.js';
import type { Attack } from './attack.js';
import {
  authenticator,
  changed,
  good,
  headed,
  header,
  key,
  partner,
  partnerKey,
  refuses,
  rsa,
  saying,
  scene,
  stranger,
} from './attack.js';
import { accepted, OWN_ISSUER } from './scene.js';

const signedBy = (signature: (input: string) => Buffer) => (): string =>
  forge(key, header(), scene.idp.claims(), signature);
const hmac =
  (alg: string, secret: string) =>
  (input: string): Buffer =>
    createHmac(`sha${alg.slice(2)}`, secret)
      .update(input)
      .digest();
const pem = (of: IssuerKey) => of.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const confused = (alg: string, kid: string, secret: () => string) => () =>
  forge(key, header({ alg, kid }), scene.idp.claims(), hmac(alg, secret()));
const swapped = (by: () => IssuerKey, kid: string) => () => forge(by(), header({ kid }), scene.idp.claims());
const near = (change: (issuer: string) => unknown) => () => saying({ iss: change(scene.idp.issuer) })();

function encrypted(): Promise<string> {
  return new CompactEncrypt(Buffer.from(JSON.stringify(scene.idp.claims())))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rsa' })
    .encrypt(rsa.publicKey);
}

function otherSignature(): Buffer {
  return Buffer.from(saying({})().split('.')[2]!, 'base64url');
}

test('what the attacks start from is a good token', async () => {
  await accepted(authenticator.authenticate(await good()));
  await accepted(authenticator.authenticate(saying({})()));
});

describe('refuses a token that chooses its own algorithm', () => {
  refuses([
    ...['none', 'None', 'NONE', 'nOnE', ' none', 'none\0', ''].map((alg): Attack => [
      `alg ${JSON.stringify(alg)}`,
      headed({ alg }),
      'algorithm_not_allowed',
    ]),
    ['alg none with no signature', () => headed({ alg: 'none' })().replace(/[^.]*$/, ''), 'token_malformed'],
    ['no alg', headed({ alg: undefined }), 'algorithm_not_allowed'],
    ['alg null', headed({ alg: null }), 'algorithm_not_allowed'],
    ['alg as a list', headed({ alg: ['ES256'] }), 'algorithm_not_allowed'],
    ['alg in small letters', headed({ alg: 'es256' }), 'algorithm_not_allowed'],
    ['alg named like a member of every object', headed({ alg: 'constructor' }), 'algorithm_not_allowed'],
    [
      'HS256 keyed with the RSA key as PEM',
      confused('HS256', 'rsa', () => pem(rsa)),
      'algorithm_not_allowed',
    ],
    [
      'HS384 keyed with the RSA key as PEM',
      confused('HS384', 'rsa', () => pem(rsa)),
      'algorithm_not_allowed',
    ],
    ['HS256 keyed with the EC key as PEM', confused('HS256', 'one', () => pem(key)), 'algorithm_not_allowed'],
    [
      'HS256 keyed with the JWK',
      confused('HS256', 'rsa', () => JSON.stringify(rsa.jwk)),
      'algorithm_not_allowed',
    ],
    ['HS256 keyed with the modulus', confused('HS256', 'rsa', () => rsa.jwk.n!), 'algorithm_not_allowed'],
    ['RS256 that is HMAC with the RSA key', confused('RS256', 'rsa', () => pem(rsa)), 'signature_invalid'],
    ['ES256 that is HMAC with the EC key', confused('ES256', 'one', () => pem(key)), 'signature_invalid'],
    [
      'an algorithm that its issuer is not trusted with',
      headed({ alg: 'RS512', kid: 'rsa' }),
      'algorithm_not_allowed',
    ],
    ['PS256 with a key for RS256', headed({ alg: 'PS256', kid: 'rsa' }), 'algorithm_not_allowed'],
    ['RS256 by the name of an EC key', headed({ alg: 'RS256', kid: 'one' }), 'key_unknown'],
    ['ES256 by the name of an RSA key', headed({ kid: 'rsa' }), 'key_unknown'],
  ]);
});

describe('refuses a token that chooses its own key', () => {
  refuses([
    ['a kid that nobody has', headed({ kid: 'nobody' }), 'key_unknown'],
    ['a kid that looks like a path', headed({ kid: '../../dev/null' }), 'key_unknown'],
    ['a kid that every object has', headed({ kid: '__proto__' }), 'key_unknown'],
    ['no kid where two keys could be meant', headed({ kid: undefined }), 'key_unknown'],
    ['a kid that is no text', headed({ kid: 1 }), 'claim_mistyped'],
    ['the kid of another key of the issuer', swapped(() => key, 'two'), 'signature_invalid'],
    ['a stranger that says it is a known key', swapped(() => stranger, 'one'), 'signature_invalid'],
    ['a stranger by its own name', swapped(() => stranger, 'three'), 'key_unknown'],
    ['a key of another trusted issuer, by its name', swapped(() => partnerKey, 'theirs'), 'key_unknown'],
    ['a key of another trusted issuer, by ours', swapped(() => partnerKey, 'one'), 'signature_invalid'],
    ['jku', headed({ jku: 'https://evil.example/jwks' }), 'header_not_allowed'],
    ['x5u', headed({ x5u: 'https://evil.example/cert' }), 'header_not_allowed'],
    [
      'jwk',
      () => forge(stranger, header({ jwk: stranger.jwk, kid: undefined }), scene.idp.claims()),
      'header_not_allowed',
    ],
    ['x5c', headed({ x5c: ['MIIB'] }), 'header_not_allowed'],
    ['jwk null', headed({ jwk: null }), 'header_not_allowed'],
    ['crit', headed({ crit: ['exp'] }), 'header_not_allowed'],
    ['an empty crit', headed({ crit: [] }), 'header_not_allowed'],
    ['b64 false', headed({ b64: false, crit: ['b64'] }), 'header_not_allowed'],
    ['zip', headed({ zip: 'DEF' }), 'header_not_allowed'],
  ]);
});

describe('refuses a token that was made for something else', () => {
  refuses([
    ...['dpop+jwt', 'secevent+jwt', 'logout+jwt', 'mayfly-receipt+jwt', 'JOSE', '', 'at+jwt '].map(
      (typ): Attack => [`typ ${JSON.stringify(typ)}`, headed({ typ }), 'token_type_not_allowed'],
    ),
    ['typ that is no text', headed({ typ: ['JWT'] }), 'token_type_not_allowed'],
    ['a credential of our own', saying({ iss: OWN_ISSUER }), 'own_credential'],
    ['an encrypted token', encrypted, 'token_encrypted'],
  ]);
});

describe('refuses a token of an issuer that is not trusted', () => {
  refuses([
    ['another issuer', saying({ iss: 'https://evil.example' }), 'issuer_unknown'],
    ['with a slash at the end', near((issuer) => `${issuer}/`), 'issuer_unknown'],
    ['in capitals', near((issuer) => issuer.toUpperCase()), 'issuer_unknown'],
    [
      'by another name of the host',
      near((issuer) => issuer.replace('127.0.0.1', 'localhost')),
      'issuer_unknown',
    ],
    ['with a space before', near((issuer) => ` ${issuer}`), 'issuer_unknown'],
    ['with more behind', near((issuer) => `${issuer}.evil.example`), 'issuer_unknown'],
    ['empty', saying({ iss: '' }), 'issuer_unknown'],
    ['absent', saying({ iss: undefined }), 'claim_missing'],
    ['null', saying({ iss: null }), 'claim_mistyped'],
    ['a list', near((issuer) => [issuer]), 'claim_mistyped'],
    ['a trusted one that did not sign it', () => saying({ iss: partner.idp.issuer })(), 'key_unknown'],
  ]);
});

describe('refuses a signature that is none', () => {
  const [order, zero] = [
    Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex'),
    Buffer.alloc(32),
  ];
  refuses([
    ['r and s zero (CVE-2022-21449)', signedBy(() => Buffer.alloc(64)), 'signature_invalid'],
    ['r and s the order of the curve', signedBy(() => Buffer.concat([order, order])), 'signature_invalid'],
    ['r zero', signedBy(() => Buffer.concat([zero, order])), 'signature_invalid'],
    ['all ones', signedBy(() => Buffer.alloc(64, 255)), 'signature_invalid'],
    ['DER', signedBy((input) => sign('sha256', Buffer.from(input), key.privateKey)), 'signature_invalid'],
    ['cut short', changed(2, (one) => one.slice(0, -4).replace(/.$/, 'A')), 'signature_invalid'],
    ['one byte long', changed(2, () => 'AA'), 'signature_invalid'],
    ['none', changed(2, () => ''), 'token_malformed'],
    [
      'of another token',
      () => forge(key, header(), { ...scene.idp.claims(), sub: 'planner' }, otherSignature),
      'signature_invalid',
    ],
    ['over another header', changed(0, () => segment(header({ typ: 'at+jwt' }))), 'signature_invalid'],
    [
      'over other claims',
      changed(1, () => segment({ ...scene.idp.claims(), sub: 'planner' })),
      'signature_invalid',
    ],
  ]);
});
