// Policies are read whole or not at all: every mistake at its line, and nothing that could widen, oblige nobody or be unknown.
import { describe, expect, test } from '@jest/globals';
import { loadPolicies } from '../../../src/policy/cedar/load.js';
import { Source } from '../../../src/policy/cedar/source.js';

const load = (...texts: readonly string[]) =>
  loadPolicies(texts.map((text, index) => ({ name: `${'abc'[index]}.cedar`, text })));

async function mistakesIn(...texts: readonly string[]): Promise<string[]> {
  const loaded = await load(...texts);
  return 'set' in loaded
    ? []
    : loaded.mistakes.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
}

const permit = (when: string): string => `permit (principal, action, resource) when { ${when} };`;
const forbid = (condition: string, kind = 'when'): string =>
  `forbid (principal, action, resource) ${kind} { ${condition} };`;

test('a set knows its policies by @id, or else by their file and number, and where they stand', async () => {
  const loaded = await load(
    '// ümläut\n@id("first")\npermit (principal, action, resource);\n\n  forbid (principal, action, resource);',
    Array.from({ length: 12 }, (_, index) => permit(`context.ttl == ${index}`)).join('\n'),
  );
  if (!('set' in loaded)) throw new Error('there are mistakes');
  const told = loaded.set.policies.map(({ name, place }) => [name, place.line, place.column]);
  expect(told.slice(0, 2)).toEqual([
    ['first', 2, 1],
    ['a.cedar#2', 5, 3],
  ]);
  expect(told.slice(2)).toEqual(
    Array.from({ length: 12 }, (_, index) => [`b.cedar#${index + 1}`, index + 1, 1]),
  );
});

describe('a mistake is told at its line, with what to change', () => {
  test.each<[what: string, text: string, told: string | RegExp]>([
    [
      'what is no Cedar',
      '\npermit (principal, action, resource) when { foo bar };',
      /^a.cedar:2:49: unexpected token `bar`: expected/,
    ],
    [
      'a fact that is not there',
      `// é\n${permit('context.signal.contains("x")')}`,
      'a.cedar:2:45: attribute `signal` in context for Action::"exchange" not found: did you mean `signals`?',
    ],
    [
      'a type that does not fit',
      permit('context.ttl == "60"'),
      /^a.cedar:1:45: the types Long and String are not compatible/,
    ],
    [
      'a claim that may be absent',
      permit('principal.getTag("groups").contains("x")'),
      /^a.cedar:1:45: unable to guarantee safety of access to tag `"groups"` .*try testing for the tag's presence/,
    ],
    [
      'a claim that is taken for an attribute',
      'permit (principal is Agent, action, resource) when { principal.groups.contains("billing") };',
      'a.cedar:1:54: attribute `groups` on entity type `Agent` not found: claims are tags, and may be absent: principal.hasTag("groups") && principal.getTag("groups").contains("…")',
    ],
    [
      'an attribute of the principal that is misspelt',
      'permit (principal is Agent, action, resource) when { principal.subjct == "a" };',
      'a.cedar:1:54: attribute `subjct` on entity type `Agent` not found: did you mean `subject`?',
    ],
    [
      'what is asked of the tool, taken for an action',
      'permit (principal, action == Action::"read", resource);',
      'a.cedar:1:30: unrecognized action `Action::"read"`: there is exchange, renew, open_task; what is asked of the tool is in context.actions, as texts: context.actions.contains("read")',
    ],
    [
      'a label that is taken for an attribute',
      permit('context.labels.env == "x"'),
      'a.cedar:1:45: unexpected type: expected something that has members but saw Set<String>: a set is asked with .contains("…")',
    ],
    [
      'an address that may be absent',
      permit('context.network.address.isLoopback()'),
      /unable to guarantee safety of access to optional attribute `network.address`/,
    ],
    [
      'an action that is none',
      'permit (principal, action == Action::"exchang", resource);',
      /unrecognized action `Action::"exchang"`/,
    ],
    [
      'a template',
      'permit (principal == ?principal, action, resource);',
      'a.cedar:1:1: a template: nothing here fills its slots, so write a policy for each',
    ],
    [
      'an annotation that means nothing',
      '@requires_dpop\npermit (principal, action, resource);',
      'a.cedar:1:1: @requires_dpop is no annotation that means anything here: did you mean @require_dpop?',
    ],
    [
      'an obligation of nobody',
      '@single_use\nforbid (principal, action, resource);',
      /^a.cedar:1:1: @single_use is for permits/,
    ],
    [
      'a time without a unit',
      '@max_ttl("60")\npermit (principal, action, resource);',
      'a.cedar:1:1: @max_ttl must be a duration from 1s to 30d, such as @max_ttl("60s")',
    ],
    ['a time of nothing', '@max_ttl("0s")\npermit (principal, action, resource);', /@max_ttl must be/],
    [
      'an approval without a reason',
      '@approval\npermit (principal, action, resource);',
      'a.cedar:1:1: @approval needs a text: @approval("…")',
    ],
    [
      'a text where none belongs',
      '@require_dpop("no")\npermit (principal, action, resource);',
      'a.cedar:1:1: @require_dpop stands alone, without a text',
    ],
    [
      'a reason that could not be told',
      '@reason("naïve")\nforbid (principal, action, resource);',
      /^a.cedar:1:1: @reason may be told to callers/,
    ],
    [
      'a name that could not be told',
      '@id("two words")\nforbid (principal, action, resource);',
      /^a.cedar:1:1: @id must be/,
    ],
    [
      'an annotation twice',
      '@id("a") @id("b") permit (principal, action, resource);',
      /duplicate annotation: @id/,
    ],
    [
      'a number beyond what we compute with',
      permit('context.ttl < 9007199254740993'),
      /^a.cedar:1:1: the number 9007199254740992 is beyond 2\^53/,
    ],
    [
      'a type of which nothing here is',
      permit('decimal("1.0").lessThan(decimal("2.0"))'),
      /^a.cedar:1:1: (?:lessThan|decimal) is not known here/,
    ],
  ])('%s', async (_, text, told) => {
    const mistakes = await mistakesIn(text);
    expect(mistakes[0]).toEqual(typeof told === 'string' ? told : expect.stringMatching(told));
  });

  test('once, though it is wrong for every kind of request; and all of them, of every file', async () => {
    const wrong = `${permit('context.none == 1')}\n${permit('context.nothing == 1')}`;
    const told = await mistakesIn(wrong, 'permit;', permit('true'));
    expect(told.map((one) => one.split(':', 2).join(':'))).toEqual(['a.cedar:1', 'a.cedar:2', 'b.cedar:1']);
  });

  test('two policies of one name, in whichever files', async () => {
    const named = '@id("same") permit (principal, action, resource);';
    expect(await mistakesIn(named, `\n${named}`)).toEqual([
      'b.cedar:2:1: @id("same") is the name of a.cedar:1',
    ]);
  });
});

test('what can never hold is a warning', async () => {
  const loaded = await load(permit('context.plane == "data" && 1 == 2'));
  expect(loaded).toMatchObject({
    warnings: [{ file: 'a.cedar', line: 1, message: expect.stringContaining('policy is impossible') }],
  });
});

describe('what comes to pass only narrows', () => {
  test.each([
    forbid('context.signals.contains("x")'),
    forbid('context.signals.containsAny(["x", "y"]) && context.plane == "tool"'),
    forbid('!context.signals.isEmpty()'),
    forbid('!(!context.signals.contains("x"))'),
    forbid('context.held.data.contains("restricted") || context.refusals > 3'),
    forbid('3 <= context.refusals && 10 < context.refusals + 2'),
    forbid('context.refusals + context.refusals - -7 > 12'),
    forbid('context.signals.containsAll(["x"])'),
    forbid('!["x", "y"].containsAll(context.signals)'),
    forbid('!context.signals.contains("x")', 'unless'),
    forbid('context.refusals < 3', 'unless'),
    forbid('(if context.plane == "tool" then context.signals else context.held.tools).contains("x")'),
    forbid('context has signals'),
    permit('context has held && context.held has data'),
    permit('context.ttl < 60'),
  ])('%s is good', async (text) => {
    expect(await mistakesIn(text)).toEqual([]);
  });

  test.each([
    permit('context.signals.contains("approved")'),
    permit('!context.signals.contains("x")'),
    permit('context.refusals < 3'),
    permit('{ pattern: context.signals }.pattern.contains("x")'),
    permit('{ attr: context.held.data }.attr.isEmpty()'),
    permit('[context.signals].contains(["x"])'),
    permit('(if context.refusals > 1 then 1 else 2) == 1'),
    forbid('!context.signals.contains("approved")'),
    forbid('context.signals.isEmpty()'),
    forbid('context.signals.contains("x")', 'unless'),
    forbid('context.signals == ["x"]'),
    forbid('context.signals != ["x"]'),
    forbid('["x", "y"].containsAll(context.signals)'),
    forbid('context.refusals < 3'),
    forbid('context.refusals == 3'),
    forbid('10 - context.refusals > 3'),
    // With none of them beyond 2^53, so an error, which forbids; with five of them a number, which does not.
    forbid('context.refusals - 9007199254740991 - 5 > 0'),
    forbid('context.refusals + context.ttl * -9007199254740 > 0'),
    forbid('context.refusals * -1 < 3'),
    forbid('context.held.data.contains("x") && !context.signals.contains("y")'),
    forbid('(if context.signals.contains("x") then false else true)'),
    forbid('context.signals.contains("x") == false'),
    forbid('context.held == context.held'),
    forbid('[context.refusals].contains(1)'),
  ])('%s is refused', async (text) => {
    expect((await mistakesIn(text))[0]).toMatch(
      /^a.cedar:1:1: .*context\.signals, context\.held (?:or|and) context\.refusals/,
    );
  });
});

test('the places of many policies cost no more than the policies themselves', () => {
  const text = Array.from(
    { length: 4000 },
    (_, nth) => `// ${'é'.repeat(400)}\n${permit(`context.x${nth} == 1`)}`,
  );
  const source = new Source({ name: 'a.cedar', text: text.join('\n') });
  const began = process.cpuUsage();
  const lines = text.map((one) => source.placeOf(one.slice(one.indexOf('permit'))).line);
  expect(lines).toEqual(text.map((_, nth) => 2 * nth + 2));
  // Looked for from the beginning of the file each time, it takes ten seconds.
  expect(process.cpuUsage(began).user).toBeLessThan(1_500_000);
});
