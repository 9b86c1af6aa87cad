// Tokens that an issuer signed, and that are still not good here and now.
import { describe } from '@jest/globals';
import { forge } from '../fixtures/idp-keys.js';
import type { Attack } from './attack.js';
import { header, key, refuses, saying, scene } from './attack.js';

const at = (seconds: number) => scene.clock.now() / 1000 + seconds;
const timed = (claims: Record<string, number>) => () =>
  saying(Object.fromEntries(Object.entries(claims).map(([name, seconds]) => [name, at(seconds)])))();

/** Well signed, with this JSON as the value of the claim. */
const payload = (claim: string, json: string) => () =>
  forge(key, header(), JSON.stringify({ ...scene.idp.claims(), [claim]: '@' }).replace('"@"', json));

describe('refuses a token that is not for us, or not for now', () => {
  refuses([
    ['aud of somebody else', saying({ aud: 'https://crm.example' }), 'audience_mismatch'],
    ['aud a list of others', saying({ aud: ['crm', 'erp'] }), 'audience_mismatch'],
    ['aud an empty list', saying({ aud: [] }), 'audience_mismatch'],
    ['aud empty', saying({ aud: '' }), 'audience_mismatch'],
    ['aud that only begins like ours', saying({ aud: 'mayfly-eu' }), 'audience_mismatch'],
    ['aud in capitals', saying({ aud: 'MAYFLY' }), 'audience_mismatch'],
    ['no aud', saying({ aud: undefined }), 'claim_missing'],
    ['expired', timed({ iat: -600, nbf: -600, exp: -31 }), 'token_expired'],
    ['exp zero', saying({ exp: 0 }), 'token_expired'],
    ['not yet valid', timed({ nbf: 31 }), 'token_not_yet_valid'],
    ['issued in the future', timed({ iat: 31 }), 'token_not_yet_valid'],
    ['issued too long ago', timed({ iat: -3631, nbf: -3631 }), 'token_too_old'],
    ['no exp', saying({ exp: undefined }), 'claim_missing'],
    ['no iat', saying({ iat: undefined }), 'claim_missing'],
    ['no sub', saying({ sub: undefined }), 'claim_missing'],
  ]);
});

describe('refuses claims of the wrong type', () => {
  refuses([
    ...['"1893456000"', 'null', 'true', '[1893456000]', '{}', '-1', '1e300', '1e999', '253402300800'].flatMap(
      (json) =>
        ['exp', 'nbf', 'iat'].map((claim): Attack => [
          `${claim} ${json}`,
          payload(claim, json),
          'claim_mistyped',
        ]),
    ),
    ['exp NaN, which is no JSON', payload('exp', 'NaN'), 'token_malformed'],
    ...['7', 'null', '""', '["agent-7"]', '{"$ne":""}', 'false'].map((json): Attack => [
      `sub ${json}`,
      payload('sub', json),
      'claim_mistyped',
    ]),
    ['sub longer than 1024', saying({ sub: 'x'.repeat(1025) }), 'claim_mistyped'],
    ['sub with a line end', saying({ sub: 'agent-7\nplanner' }), 'claim_mistyped'],
    ['sub with a line end of Unicode', saying({ sub: 'agent-7\u2028planner' }), 'claim_mistyped'],
    ['sub with a null byte', saying({ sub: 'agent-7\0' }), 'claim_mistyped'],
    ['sub that turns the text around', saying({ sub: 'agent-\u202e7' }), 'claim_mistyped'],
    ['sub with a space that has no width', saying({ sub: 'agent-7\u200b' }), 'claim_mistyped'],
    ...['7', 'null', '{"mayfly":true}', '["mayfly",7]', '[["mayfly"]]', 'true'].map((json): Attack => [
      `aud ${json}`,
      payload('aud', json),
      'claim_mistyped',
    ]),
    ['jti a number', saying({ jti: 7 }), 'claim_mistyped'],
    ...[
      'a text',
      null,
      {},
      { jkt: '' },
      { jkt: 7 },
      { jkt: 'A'.repeat(42) },
      { jkt: `${'A'.repeat(42)}=` },
      { 'x5t#S256': 'A'.repeat(43) },
      { kid: 'one' },
      // Confined twice, of which we could check the one.
      { jkt: 'A'.repeat(43), 'x5t#S256': 'A'.repeat(43) },
      ['A'.repeat(43)],
    ].map((cnf): Attack => [
      `confined in a way that we cannot check: ${JSON.stringify(cnf)}`,
      saying({ cnf }),
      'claim_mistyped',
    ]),
  ]);
});
