// Where a lease is killed: wherever it may have been made, by the newest means that lead there.
import { afterEach, expect, test } from '@jest/globals';
import type { PostgresCredential } from '../../../src/domain/postgres.js';
import { Secret } from '../../../src/domain/secret.js';
import { Catalogue } from '../../../src/domain/tool.js';
import { PATIENCE } from '../../../src/minters/postgres/connections.js';
import { Targets } from '../../../src/minters/postgres/targets.js';
import { credentialFor, toolFor } from './scene.js';

const MINUTE_MS = 60_000;
const at = { port: 5432 };
const targets: Targets[] = [];
afterEach(async () => {
  for (const one of targets.splice(0)) await one.close();
});

const catalogue = (more?: Partial<PostgresCredential>): Catalogue =>
  new Catalogue(more ? [toolFor(credentialFor(at, more))] : []);

function applied(...catalogues: readonly Catalogue[]): Targets {
  const made = new Targets(PATIENCE);
  targets.push(made);
  for (const [index, one] of catalogues.entries()) made.apply(one, index * 10 * MINUTE_MS);
  return made;
}

/** Where a lease of this minute is killed. */
const placesOf = (of: Targets, minute: number): string[] =>
  of.ofLease({ tool: 'app-db', issuedAt: minute * MINUTE_MS }).map(({ credential }) => credential.database);

test('a tool that moved is killed where it was when the lease came to be, and about the time of the move in both places', () => {
  const moved = applied(catalogue({ database: 'old' }), catalogue({ database: 'new' }));
  expect(placesOf(moved, 5)).toEqual(['old', 'new']);
  expect(placesOf(moved, 10.5)).toEqual(['old', 'new']);
  expect(placesOf(moved, 12)).toEqual(['new']);
  expect(moved.current('app-db').map(({ credential }) => credential.database)).toEqual(['new']);
});

test('a tool that left is not forgotten, and is where it was when it comes back', () => {
  const left = applied(catalogue({}), catalogue());
  expect(placesOf(left, 5)).toEqual(['app']);
  expect(left.current('app-db')).toEqual([]);
  left.apply(catalogue({ connectionLimit: 9 }), 20 * MINUTE_MS);
  expect(placesOf(left, 5)).toEqual(['app']);
  expect(left.current('app-db').map(({ credential }) => credential.connectionLimit)).toEqual([9]);
});

test('a place that a tool has left is listed for as long as a credential may live there, and then forgotten', () => {
  const moved = applied(catalogue({ database: 'old' }), catalogue({ database: 'new' }), catalogue());
  const listed = (minute: number): string[] =>
    moved.living('app-db', minute * MINUTE_MS).map(({ credential }) => credential.database);
  // It moved after 10 minutes, left after 20, and what it makes lives for 5.
  expect(listed(16)).toEqual(['old', 'new']);
  expect(listed(17)).toEqual(['new']);
  expect([moved.tools(26 * MINUTE_MS), moved.tools(27 * MINUTE_MS)]).toEqual([['app-db'], []]);
});

test('what was made while it might live longer is listed for that long', () => {
  const longer = new Catalogue([{ ...toolFor(credentialFor(at)), maxTtlMs: 30 * MINUTE_MS }]);
  const left = applied(longer, catalogue({}), catalogue());
  expect([left.tools(51 * MINUTE_MS), left.tools(52 * MINUTE_MS)]).toEqual([['app-db'], []]);
});

test('a new password leads to the same place, also for what was made before', () => {
  const rotated = applied(
    catalogue({ password: new Secret('one') }),
    catalogue({ password: new Secret('two') }),
  );
  const [only, ...others] = rotated.ofLease({ tool: 'app-db', issuedAt: 0 });
  expect(only!.credential.password.reveal()).toBe('two');
  expect(others).toEqual([]);
});

test('tools on one server share their connections, until they say otherwise of it', () => {
  const tool = toolFor(credentialFor(at));
  const other = { ...tool, name: 'other', credential: credentialFor(at, { connectionLimit: 9 }) };
  const third = { ...tool, name: 'third', credential: credentialFor(at, { user: 'somebody' }) };
  const shared = applied(new Catalogue([tool, other, third]));
  const [one, two, three] = ['app-db', 'other', 'third'].map((name) => shared.current(name)[0]!.connections);
  expect(two).toBe(one);
  expect(three).not.toBe(one);
});
