// The verifier is the one of RFC 7677's own example: with it a server accepts that client's proof, and proves itself.
import { expect, test } from '@jest/globals';
import { createHash, createHmac } from 'node:crypto';
import { scramVerifier } from '../../../src/minters/postgres/scram.js';

const base64 = (text: string): Buffer => Buffer.from(text, 'base64');

/** RFC 7677 §3. */
const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const NONCE = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const AUTH_MESSAGE = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${NONCE},s=${SALT},i=4096,c=biws,r=${NONCE}`;
const PROOF = base64('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
const SERVER_SIGNATURE = '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

test('checks the proof of the client that knows the password, and signs as its server', async () => {
  const verifier = await scramVerifier('pencil', base64(SALT));
  const [, storedKey = '', serverKey = ''] =
    /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$([\w+/=]{44}):([\w+/=]{44})$/.exec(verifier) ?? [];
  const signed = (key: string): Buffer => createHmac('sha256', base64(key)).update(AUTH_MESSAGE).digest();
  const clientKey = PROOF.map((byte, index) => byte ^ signed(storedKey)[index]!);
  expect(createHash('sha256').update(clientKey).digest('base64')).toBe(storedKey);
  expect(signed(serverKey).toString('base64')).toBe(SERVER_SIGNATURE);
});

test('is another one each time, for its salt is', async () => {
  expect(await scramVerifier('pencil')).not.toBe(await scramVerifier('pencil'));
});
