// Two spellings of one address are one (RFC 3986 §6.2); what only looks like it is another, or none.
import { describe, expect, test } from '@jest/globals';
import { normalTarget } from '../../../src/jws/dpop/target.js';

const TOKEN = 'https://broker.example/token';

describe('an address', () => {
  test.each([
    TOKEN,
    'HTTPS://Broker.EXAMPLE/token',
    'https://broker.example:443/token',
    'https://broker.example/token?query=1',
    'https://broker.example/token#fragment',
    'https://broker.example/token?a#b',
    'https://broker.example/%74oken',
    'https://broker.example/%74%6Fk%65n',
    'https://broker.example/./token',
    'https://broker.example/v1/../token',
  ])('%s is the token endpoint', (uri) => {
    expect(normalTarget(uri)).toBe(TOKEN);
  });

  test.each([
    'http://broker.example/token',
    'https://broker.example:8443/token',
    'https://broker.example./token',
    'https://broker.example.evil.example/token',
    'https://broker.example/token/',
    'https://broker.example//token',
    'https://broker.example/Token',
    'https://broker.example/token;a=1',
    'https://broker.example/token%2f',
    'https://broker.example/token%3Fa',
    'https://broker.example/',
    'https://broker.example',
  ])('%s is another', (uri) => {
    expect(normalTarget(uri)).not.toBe(TOKEN);
    expect(normalTarget(uri)).toBeDefined();
  });

  test.each([
    '',
    '/token',
    'broker.example/token',
    '//broker.example/token',
    'https:broker.example/token',
    'https:/broker.example/token',
    'https:///broker.example/token',
    'https:\\\\broker.example\\token',
    'https://broker.example\\token',
    'https://user@broker.example/token',
    'https://evil.example@broker.example/token',
    'https://broker.example/to ken',
    'https://broker.example/tok\ten',
    ' https://broker.example/token',
    'https://broker.example/token\n',
    'https://bröker.example/token',
    'https://broker.example/tökén',
    'https://broker.example:99999/token',
    'ftp://broker.example/token',
    'javascript:https://broker.example/token',
    `https://broker.example/${'a'.repeat(2048)}`,
  ])('%j is none', (uri) => {
    expect(normalTarget(uri)).toBeUndefined();
  });
});
