// What is nested too deeply, or too long, is told at its line: the reference would fall over it, and nobody would know over what.
import { expect, test } from '@jest/globals';
import { deepestIn } from '../../../src/policy/cedar/nesting.js';
import { loadPolicies } from '../../../src/policy/cedar/load.js';

const permit = (when: string): string => `permit (principal, action, resource) when { ${when} };`;
const GOOD = permit('true');

async function mistakesIn(...texts: readonly string[]): Promise<string[]> {
  const loaded = await loadPolicies(texts.map((text, index) => ({ name: `${'abc'[index]}.cedar`, text })));
  if ('set' in loaded) return [];
  return loaded.mistakes.map(({ file, line, message }) => `${file}:${line}: ${message}`);
}

const within = (depth: number, [open, close]: readonly [string, string], middle: string): string =>
  `${open.repeat(depth)}${middle}${close.repeat(depth)}`;

test.each([
  ['negations', permit(within(200, ['!(', ')'], 'true'))],
  ['brackets', permit(within(10_000, ['(', ')'], 'true'))],
  ['records', permit(`${within(200, ['{a: ', '}'], '1')} == 1`)],
])('%s that are nested too deeply', async (_, text) => {
  expect(await mistakesIn(`\n${GOOD}\n${text}`, permit('foo'))).toEqual([
    'a.cedar:3: brackets are nested deeper than 50',
    expect.stringMatching(/^b.cedar:1: /),
  ]);
});

test.each([
  ['conjunctions', Array(3000).fill('context.ttl > 1').join(' && ')],
  ['choices', `${'if context.ttl > 1 then true else '.repeat(3000)}false`],
  ['sums', `${Array(3000).fill('1').join(' + ')} > 1`],
])('too many %s in one policy', async (_, condition) => {
  expect(await mistakesIn(`${GOOD}\n${permit(condition)}`)).toEqual([
    'a.cedar:2: a policy has more than 500 operators: compare with a set, or write several policies',
  ]);
});

test('what the reference falls over nevertheless is blamed on what is nested most', async () => {
  const deep = permit(`context.time.now${'.toDate()'.repeat(20_000)} == context.time.now`);
  const [mistake] = await mistakesIn(`${GOOD}\n${deep}`);
  expect(mistake).toMatch(/^a.cedar:2: the policies could not be read \(.*\): is this nested too deeply/);
});

test('as many as people write are read: many policies, large sets, brackets and slashes in texts', async () => {
  const many = Array.from({ length: 60 }, (_, nth) =>
    permit(Array(10).fill(`context.ttl > ${nth}`).join(' || ')),
  );
  const set = Array.from({ length: 2000 }, (_, nth) => `"a+b || (${nth} // \\" {{{"`).join(', ');
  const text = [...many, `// ${'('.repeat(100)}`, permit(`[${set}].contains(context.plane)`)].join('\n');
  expect(deepestIn(text).message).toBeUndefined();
  expect(await mistakesIn(text)).toEqual([]);
});

test('what lies between what we compute with and what Cedar does is told at its policy', async () => {
  const days = permit('context.time.now.offset(duration("1000000000d")).toDate() == context.time.now');
  expect(await mistakesIn(`\n${days}`)).toEqual(['a.cedar:2: duration("1000000000d") is beyond 2^53']);
});
