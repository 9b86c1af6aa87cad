// Of what a JWKS holds, only public keys that are strong, meant for this, and not to be mistaken are used.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { JWK } from 'jose';
import { forge, type IssuerKey, issuerKey, weakKey } from '../fixtures/idp-keys.js';
import { accepted, reasonOf, Scene } from './scene.js';

let key: IssuerKey;
let next: IssuerKey;
let rsa: IssuerKey;
let scene: Scene;
beforeAll(async () => {
  [key, next] = [await issuerKey('ES256', 'one'), await issuerKey('ES256', 'two')];
  rsa = await issuerKey('RS256', 'rsa');
});
beforeEach(async () => void (scene = await Scene.open(key)));
afterEach(() => scene.close());

const altered = (more: JWK) => () => ({ ...key.jwk, ...more });

describe('of the keys of an issuer, none is used that', () => {
  test.each<[string, () => JWK, (() => IssuerKey)?]>([
    ['is private', () => ({ ...key.jwk, ...(key.privateKey.export({ format: 'jwk' }) as JWK) })],
    ['is symmetric', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'one', alg: 'HS256' })],
    ['is for another algorithm', altered({ alg: 'ES384' })],
    ['is for encryption', altered({ use: 'enc' })],
    ['may only sign', altered({ key_ops: ['sign'] })],
    ['is of another curve than it says', altered({ crv: 'P-384' })],
    ['is of an unknown kind', altered({ kty: 'LATTICE' })],
    ['is not on its curve', () => ({ ...key.jwk, y: next.jwk.y! })],
    ['has a name that is no text', () => ({ ...key.jwk, kid: 1 as unknown as string })],
    ['has an algorithm that is no text', () => ({ ...key.jwk, alg: ['ES256'] as unknown as string })],
    ['has 1024 bits', () => weakKey(1024, 'rsa').jwk, () => rsa],
    ['has the exponent 1', () => ({ ...rsa.jwk, e: 'AQ' }), () => rsa],
  ])('%s', async (_, jwk, signer = () => key) => {
    scene.idp.published = [jwk(), next.jwk];
    const authenticator = scene.authenticator();
    await accepted(authenticator.authenticate(await scene.idp.token(next)));
    expect(await reasonOf(authenticator.authenticate(await scene.idp.token(signer())))).toBe('key_unknown');
  });

  test('has 1024 bits, though its own signature would be good', async () => {
    const weak = weakKey(1024, 'weak');
    scene.idp.publish(weak, key);
    const token = forge(weak, { alg: 'RS256', kid: 'weak' }, scene.idp.claims());
    expect(await reasonOf(scene.authenticator().authenticate(token))).toBe('key_unknown');
  });

  test('has a name that is no text, not even for a token that names none', async () => {
    scene.idp.published = [{ ...key.jwk, kid: 1 as unknown as string }];
    const token = forge(key, { alg: 'ES256' }, scene.idp.claims());
    expect(await reasonOf(scene.authenticator().authenticate(token))).toBe('key_unknown');
  });

  test('shares its name with another key of the same kind', async () => {
    scene.idp.published = [key.jwk, { ...next.jwk, kid: 'one' }];
    expect(await reasonOf(scene.authenticator().authenticate(await scene.idp.token(key)))).toBe(
      'key_unknown',
    );
  });

  test('is no key at all, and what is there beside it is used', async () => {
    scene.idp.published = [null, 7, 'key', [], {}, { kty: 'EC' }, key.jwk] as JWK[];
    await accepted(scene.authenticator().authenticate(await scene.idp.token(key)));
  });
});
