// Globs match what they say, and one is said to cover another only where it does.
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { anyMatches, globCovers, globMatches } from '../../src/domain/glob.js';

/** Few letters, so that patterns and texts meet often. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 8 });

const asExpression = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^]*')}$`,
  );

test('a glob matches as a regular expression of the same meaning does', () => {
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      expect(globMatches(glob, name)).toBe(asExpression(glob).test(name));
    }),
    { numRuns: 5000 },
  );
});

test('nothing but `*` means anything but itself', () => {
  for (const glob of ['a.c', 'a?c', '[ab]', 'a|b', '^a$', '\\*', 'a+']) {
    expect([globMatches(glob, glob), globMatches(glob, 'abc'), globMatches(glob, 'a')]).toEqual([
      true,
      false,
      false,
    ]);
  }
});

/** A glob, one that may be wider (some of it turned into stars), and a name that the first one matches. */
const related = pattern.chain((narrow) =>
  fc
    .record({
      stars: fc.array(fc.boolean(), { minLength: narrow.length, maxLength: narrow.length }),
      fillings: fc.array(text, { minLength: narrow.length, maxLength: narrow.length }),
      odd: pattern,
    })
    .map(({ stars, fillings, odd }) => {
      const letters = narrow.split('');
      const widened = letters.map((letter, at) => (stars[at] ? '*' : letter)).join('');
      return {
        narrow,
        wides: [widened, `${widened}*`, `*${widened}`, odd],
        name: letters.map((letter, at) => (letter === '*' ? fillings[at]! : letter)).join(''),
      };
    }),
);

test('what covers a glob matches everything that the glob matches', () => {
  let covered = 0;
  fc.assert(
    fc.property(related, ({ narrow, wides, name }) => {
      expect(globMatches(narrow, name)).toBe(true);
      for (const wide of wides.filter((one) => globCovers(one, narrow))) {
        covered++;
        expect(globMatches(wide, name)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
  expect(covered).toBeGreaterThan(4000);
});

test('a glob covers itself, every plain name that it matches, and is covered by `*`', () => {
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      expect([globCovers(glob, glob), globCovers('*', glob)]).toEqual([true, true]);
      expect(globCovers(glob, name)).toBe(globMatches(glob, name));
    }),
  );
});

test('many stars against a long name are no way to keep us busy', () => {
  const began = performance.now();
  expect(globMatches(`${'*a'.repeat(200)}b`, 'a'.repeat(2000))).toBe(false);
  expect(performance.now() - began).toBeLessThan(1000);
});

test('no pattern at all matches nothing', () => {
  expect([anyMatches([], 'a'), anyMatches([], ''), anyMatches([''], 'a')]).toEqual([false, false, false]);
});

test('a glob made to be slow is not: who may write one must not hold up a kill', () => {
  const wide = `*${'a'.repeat(255)}b*${'a'.repeat(200)}b`;
  const narrow = 'a'.repeat(512);
  const before = process.cpuUsage();
  let matched = 0;
  for (let pairs = 0; pairs < 4096; pairs++) if (globMatches(wide, narrow)) matched++;
  const { user, system } = process.cpuUsage(before);
  expect(matched).toBe(0);
  // Backtracking took 650 µs a pair; a search takes a few. Counted is our own time alone: others use this machine, too.
  expect((user + system) / 4096).toBeLessThan(100);
});
