// The examples that RFC 9449 prints: each proof good for its own request, at its own time, and for nothing else.
import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../../src/domain/digest.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { Nonces } from '../../../src/identity/dpop/nonces.js';
import type { ShownProof } from '../../../src/jws/dpop/proof.js';
import { readProof } from '../../../src/jws/dpop/proof.js';
import { Proofs } from '../../../src/identity/dpop/proofs.js';
import { TERMS as STORE_TERMS } from '../../contract/store/harness.js';
import { embeddedHarness } from '../../store/embedded-harness.js';

const KEY_AND_HEADER =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19';
/** Figures 2 and 13. */
const AT_TOKEN_ENDPOINT = `${KEY_AND_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`;
const AT_RESOURCE = `${KEY_AND_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`;
/** Figure 13's access token and its hash; the thumbprint of figures 8 and 9. */
const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const TOKEN_HASH = 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo';
const THUMBPRINT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';

const TERMS = { maxAgeMs: 60_000, clockToleranceMs: 30_000, nonces: 'optional' } as const;
const MADE_AT = 1_562_262_616_000;

const tokenRequest: ShownProof = {
  headers: [AT_TOKEN_ENDPOINT],
  method: 'POST',
  uri: 'https://server.example.com/token',
};
const resourceRequest: ShownProof = {
  headers: [AT_RESOURCE],
  method: 'GET',
  uri: 'https://resource.example.org/protectedresource',
  token: TOKEN,
};

/** As a broker of that day would: with its signature, and its first use; by a store whose clock may be ahead. */
async function taken(shown: ShownProof, now = MADE_AT + 2_000, storeAheadMs = 0): Promise<string> {
  const harness = embeddedHarness();
  const nonces = new Nonces([Buffer.alloc(32)]);
  const clock = { now: () => now };
  const store = await harness.open({ now: () => now + storeAheadMs }, STORE_TERMS);
  const proofs = new Proofs({ terms: TERMS, nonces, clock, store });
  try {
    const { proof } = proofs.read(shown);
    const key = proof instanceof Refusal ? proof : await proofs.prove(proof);
    return key instanceof Refusal ? key.reason : key;
  } finally {
    await harness.close();
  }
}

describe('the example', () => {
  test.each([
    ['at the token endpoint (§5)', tokenRequest],
    ['at a resource (§7.1)', resourceRequest],
  ])('%s proves the key whose thumbprint the RFC prints', async (_, shown) => {
    expect(await taken(shown)).toBe(THUMBPRINT);
  });

  test('of an access token has the hash that the RFC prints', () => {
    expect(sha256(TOKEN)).toBe(TOKEN_HASH);
  });

  test.each<[string, ShownProof, number, string]>([
    ['a minute and a half later', tokenRequest, MADE_AT + 90_000, 'proof_out_of_time'],
    ['half a minute earlier', tokenRequest, MADE_AT - 30_001, 'proof_out_of_time'],
    ['with another method', { ...tokenRequest, method: 'GET' }, MADE_AT, 'proof_mismatch'],
    ['at another address', { ...tokenRequest, uri: resourceRequest.uri }, MADE_AT, 'proof_mismatch'],
    ['with another token', { ...resourceRequest, token: `${TOKEN}.` }, MADE_AT, 'proof_mismatch'],
    ['without its hash of the token', { ...tokenRequest, token: TOKEN }, MADE_AT, 'proof_mismatch'],
    [
      'with one letter of its signature changed',
      { ...tokenRequest, headers: [AT_TOKEN_ENDPOINT.replace('.2-GxA6T8', '.2-GxA6T9')] },
      MADE_AT,
      'proof_signature_invalid',
    ],
  ])('%s is refused', async (_, shown, now, reason) => {
    expect(await taken(shown, now)).toBe(reason);
  });

  test('is good, once, to its last millisecond where the store is a minute ahead of the broker', async () => {
    expect(await taken(tokenRequest, MADE_AT + 89_999, 59_999)).toBe(THUMBPRINT);
  });

  test('is good to the last millisecond of its time, and from the first', () => {
    const first = readProof(tokenRequest, TERMS, MADE_AT - 30_000);
    const last = readProof(tokenRequest, TERMS, MADE_AT + 89_999);
    expect([first, last]).toMatchObject([{ id: '-BwC3ESc6acc2lTc' }, { goodUntil: MADE_AT + 90_000 }]);
  });
});
