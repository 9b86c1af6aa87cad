// Status lists as they are made: what the bits mean, how old a list may be, and that nobody makes the store work by asking.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import type { StatusBits } from '../../src/domain/status-list.js';
import { ENTRIES_PER_LIST, statusBytes } from '../../src/domain/status-list.js';
import type { SigningKey } from '../../src/keys/key-ring.js';
import { packed, StatusLists } from '../../src/revocation/status-lists.js';
import { StoreUnavailable } from '../../src/store/store.js';
import { bitOf } from '../fixtures/status-list.js';

const LIST = '7-57129014400341';
const ISSUED_AT = 1_800_000_000;
const TTL_MS = 60_000;

const keyNamed = (kid: string): SigningKey => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, algorithm: 'ES256', privateKey, publicKey, publicJwk: {}, activatesAt: 0 };
};

let now: number;
let key: SigningKey;
let bits: StatusBits;
let ids: string[];
let asked: (string | undefined)[];
let befores: (StatusBits | undefined)[];
let unavailable: boolean;
let lists: StatusLists;

beforeEach(() => {
  now = 0;
  key = keyNamed('first');
  bits = { given: 3, live: [0, 2] };
  ids = [LIST];
  asked = [];
  befores = [];
  unavailable = false;
  lists = new StatusLists({
    issuer: 'https://mayfly.example',
    store: {
      statusLists: () => Promise.resolve(void asked.push(undefined)).then(() => ids),
      statusList: (id, before) => {
        asked.push(id);
        befores.push(before);
        return unavailable
          ? Promise.reject(new StoreUnavailable('gone'))
          : Promise.resolve(ids.includes(id) ? bits : undefined);
      },
    },
    keys: { current: () => key },
    clock: { now: () => ISSUED_AT * 1000 + 250 + now },
    ttlMs: TTL_MS,
    monotonic: () => now,
  });
});

const asksFor = (id: string): number => asked.filter((one) => one === id).length;
const lstOf = async (): Promise<string> =>
  (decodeJwt((await lists.token(LIST))!.jwt)['status_list'] as { lst: string }).lst;

test('bits are packed as the vector of the specification', () => {
  expect(packed(Buffer.from('b9a3', 'hex'))).toBe('eNrbuRgAAhcBXQ');
});

test('a bit of 0 is a live credential: whatever is dead, or was never given, is 1', async () => {
  const told = await lstOf();
  const bitsTold = [0, 1, 2, 3, ENTRIES_PER_LIST - 1].map((index) => bitOf(told, index));
  expect(bitsTold).toEqual([0, 1, 0, 1, 1]);
  expect(statusBytes({ live: [] })).toEqual(new Uint8Array(ENTRIES_PER_LIST / 8).fill(255));
});

test('it says what it is, whose, how old, and how long it may be believed: never longer than the ttl', async () => {
  const { jwt, freshForSeconds } = (await lists.token(LIST))!;
  expect(decodeProtectedHeader(jwt)).toEqual({ alg: 'ES256', typ: 'statuslist+jwt', kid: 'first' });
  expect(decodeJwt(jwt)).toEqual({
    sub: `https://mayfly.example/status-lists/${LIST}`,
    iat: ISSUED_AT,
    exp: ISSUED_AT + 60,
    ttl: 30,
    status_list: { bits: 1, lst: expect.any(String) },
  });
  expect(freshForSeconds).toBe(30);
  now += 29_500;
  expect((await lists.token(LIST))!).toMatchObject({ jwt, freshForSeconds: 0 });
});

describe('nobody makes the store work by asking', () => {
  test('a list is made once for all who ask, until half of the ttl is over', async () => {
    const made = await Promise.all(Array.from({ length: 50 }, () => lists.token(LIST)));
    expect(new Set(made.map((one) => one!.jwt)).size).toBe(1);
    now += TTL_MS / 2 - 1;
    await lists.token(LIST);
    expect(asksFor(LIST)).toBe(1);
    now += 1;
    bits = { given: 3, live: [2] };
    expect(bitOf(await lstOf(), 0)).toBe(1);
    expect(befores).toEqual([undefined, { given: 3, live: [0, 2] }]);
  });

  test('names that are none cost nothing, and all others together one look a second', async () => {
    for (const id of ['', 'a', '../x', '1'.repeat(25), 'ü']) expect(await lists.token(id)).toBeUndefined();
    expect(asked).toEqual([]);
    const strange = Array.from({ length: 100 }, (_, index) => lists.token(`1-${index}`));
    expect(await Promise.all(strange)).toEqual(strange.map(() => undefined));
    expect(asked).toEqual([undefined]);
  });

  test('a list that nobody can ever say anything new of is not asked for again', async () => {
    bits = { given: ENTRIES_PER_LIST, live: [] };
    await lists.token(LIST);
    now += TTL_MS;
    const { jwt } = (await lists.token(LIST))!;
    expect(decodeJwt(jwt).iat).toBe(ISSUED_AT + TTL_MS / 1000);
    expect(asksFor(LIST)).toBe(1);
  });

  test('where the store cannot be asked, it is asked again a second later', async () => {
    unavailable = true;
    for (let times = 0; times < 5; times++) await expect(lists.token(LIST)).rejects.toThrow(StoreUnavailable);
    expect(asksFor(LIST)).toBe(1);
    now += 1000;
    unavailable = false;
    expect(await lists.token(LIST)).toBeDefined();
  });
});

test('what a killed key has signed is not handed out any more', async () => {
  await lists.token(LIST);
  key = keyNamed('second');
  expect(decodeProtectedHeader((await lists.token(LIST))!.jwt).kid).toBe('second');
});

test('all lists are named, and those that the store has forgotten are not', async () => {
  expect(await lists.uris()).toEqual([`https://mayfly.example/status-lists/${LIST}`]);
  ids = [];
  now += 1000;
  expect(await lists.uris()).toEqual([]);
  expect(asked).toEqual([undefined, undefined]);
});
