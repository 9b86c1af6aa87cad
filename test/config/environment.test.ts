// What the environment may say: seal keys in every form that people write them, and nothing shown of a wrong one.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { cliEnvironment, givenSealKeys } from '../../src/config/environment.js';

const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const [FIRST, SECOND] = [key(0xfb), key(2)];
const file = join(mkdtempSync(join(tmpdir(), 'mayfly-environment-')), 'seal.keys');
const revealed = (environment: Record<string, string>) =>
  givenSealKeys(environment)?.map((one) => one.reveal());

describe('seal keys', () => {
  test.each([
    ['one', FIRST, [FIRST]],
    ['several, the first of which seals', `${SECOND}, ${FIRST}`, [SECOND, FIRST]],
    ['one without padding', FIRST.replace('=', ''), [FIRST]],
    ['one in base64url', Buffer.alloc(32, 0xfb).toString('base64url'), [FIRST]],
    ['one with a line break after it', `${FIRST}\n`, [FIRST]],
  ])('are read: %s', (_, written, expected) => {
    expect(revealed({ MAYFLY_SEAL_KEY: written })).toEqual(expected);
  });

  test('are read from a file, one a line', () => {
    writeFileSync(file, `# since spring\n${SECOND}\n\n  ${FIRST}\n`);
    expect(revealed({ MAYFLY_SEAL_KEY_FILE: file })).toEqual([SECOND, FIRST]);
  });

  test('may be absent', () => {
    expect(givenSealKeys({})).toBeUndefined();
    expect(givenSealKeys({ MAYFLY_SEAL_KEY: ' ' })).toBeUndefined();
  });

  const wanted = 'must be 32 bytes in base64: make one with: openssl rand -base64 32';
  test.each([
    [{ MAYFLY_SEAL_KEY: 'hunter2' }, `MAYFLY_SEAL_KEY: key 1 ${wanted}`],
    [{ MAYFLY_SEAL_KEY: `${FIRST},hunter2` }, `MAYFLY_SEAL_KEY: key 2 ${wanted}`],
    [{ MAYFLY_SEAL_KEY: `${FIRST},` }, `MAYFLY_SEAL_KEY: key 2 ${wanted}`],
    [{ MAYFLY_SEAL_KEY: `!${FIRST}` }, `MAYFLY_SEAL_KEY: key 1 ${wanted}`],
    [{ MAYFLY_SEAL_KEY: Buffer.alloc(31).toString('base64') }, `MAYFLY_SEAL_KEY: key 1 ${wanted}`],
    [{ MAYFLY_SEAL_KEY: `${FIRST},${FIRST}` }, 'MAYFLY_SEAL_KEY: holds the same key twice'],
    [
      { MAYFLY_SEAL_KEY: FIRST, MAYFLY_SEAL_KEY_FILE: file },
      'cannot be set together with MAYFLY_SEAL_KEY_FILE',
    ],
    [
      { MAYFLY_SEAL_KEY_FILE: '/nowhere/keys' },
      'MAYFLY_SEAL_KEY_FILE: /nowhere/keys cannot be read (ENOENT)',
    ],
    [{ MAYFLY_SEAL_KEY_FILE: '/dev/null' }, 'MAYFLY_SEAL_KEY_FILE: holds no key'],
  ])('are refused: %#', (environment, message) => {
    let thrown: unknown;
    try {
      givenSealKeys(environment);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_CONFIGURATION', message: expect.stringContaining(message) });
    expect(String(thrown)).not.toContain('hunter2');
    expect(String(thrown)).not.toContain(FIRST);
  });
});

test('the command line is told where to go and as whom, and what is set to nothing is not set', () => {
  expect(cliEnvironment({ MAYFLY_URL: '', MAYFLY_CONFIG: ' ' })).toEqual({});
  const { token, ...rest } = cliEnvironment({
    MAYFLY_URL: 'https://broker.example',
    MAYFLY_TOKEN: 'secret',
    MAYFLY_TOKEN_FILE: '/token',
    MAYFLY_DPOP_KEY_FILE: '/key',
    MAYFLY_CONFIG: 'mayfly.yaml',
  });
  expect(rest).toEqual({
    url: 'https://broker.example',
    tokenFile: '/token',
    dpopKeyFile: '/key',
    configPath: 'mayfly.yaml',
  });
  expect(token?.reveal()).toBe('secret');
  expect(JSON.stringify(token)).toBe('"[secret]"');
});
