// Whatever a caller names: in a statement it is one name, or one text, and nothing else of the statement changes.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { StatementTemplate } from '../../src/domain/statement-template.js';
import { readTemplate, resourceFlaw, statementFrom } from '../../src/domain/statement-template.js';

function template(text: string): StatementTemplate {
  const read = readTemplate(text);
  if ('flaw' in read) throw new Error(read.flaw);
  return read;
}

/** What a server reads at the beginning of a text as a quoted name or text: its value, and what comes after it. */
function quotedAt(text: string, quote: string): { readonly value: string; readonly rest: string } {
  let value = '';
  for (let at = 1; at < text.length; at++) {
    if (text[at] !== quote) value += text[at];
    else if (text[at + 1] === quote) value += text[at++];
    else return { value, rest: text.slice(at + 1) };
  }
  throw new Error('it never ends');
}

const hostile = fc
  .array(
    fc.constantFrom("'", '"', "''", '""', ';', '--', '/*', '$$', 'E', 'U&', '{{role}}', ' ', 'a', 'É', '\n'),
  )
  .map((pieces) => pieces.join(''));
const resources = fc.oneof(hostile, fc.string({ unit: 'grapheme-ascii' }), fc.string());

describe.each([
  ['identifier', '"'],
  ['literal', "'"],
])('a resource as %s', (how, quote) => {
  const read = template(`SELECT f({{role}}, {{resource:${how}}}) AS done`);

  test('is read back as it was, and what is around it stays', () => {
    let passed = 0;
    fc.assert(
      fc.property(resources, (resource) => {
        if (resourceFlaw(read, resource) !== undefined) return;
        passed++;
        const statement = statementFrom(read, 'mayfly_x', resource);
        const before = 'SELECT f("mayfly_x", ';
        expect(statement.startsWith(`${before}${quote}`)).toBe(true);
        const { value, rest } = quotedAt(statement.slice(before.length), quote);
        expect([value, rest]).toEqual([resource, ') AS done']);
      }),
      { numRuns: 2000 },
    );
    expect(passed).toBeGreaterThan(200);
  });

  test.each(['', 'a*', 'a\\b', 'a\nb', 'a\0b', 'é', '\u00a0'])(
    'that cannot be passed on is refused: %j',
    (resource) => {
      expect(resourceFlaw(read, resource)).toEqual(expect.any(String));
    },
  );
});

test.each([
  'GRANT SELECT ON accounts TO {{role}}',
  'grant usage on schema app to {{ role }}',
  `SELECT app.admit({{role}}, {{resource:literal}}, 'it''s', "odd ""name")`,
  'GRANT SELECT ON app.{{resource:identifier}} TO {{role}}',
  'ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {{role}}',
])('is good: %s', (text) => {
  expect(template(text).namesResource).toBe(text.includes('resource'));
});

test.each([
  `SELECT f({{role}}, e'{{resource:literal}}')`,
  'SELECT f({{role}}, e{{resource:literal}})',
  'SELECT f({{role}}, U&{{resource:identifier}})',
  `SELECT f({{role}}, U&'x')`,
  `SELECT f({{role}}, E'a' {{resource:literal}})`,
  'SELECT f({{role}}, "{{resource:identifier}}")',
  'SELECT f({{role}}, a{{resource:identifier}})',
  'SELECT f({{role}}, {{resource:identifier}}b)',
  `SELECT f({{role}}, {{resource:literal}}'b')`,
  'SELECT f({{role}}, {{resource:literal}}{{resource:literal}})',
  'SELECT f({{role}}) /* {{resource:literal}} */',
  'SELECT f({{role}}) -- {{resource:literal}}',
  'SELECT f({{role}}, $a$ {{resource:literal}} $a$)',
  'SELECT f({{role}}, $1)',
  'SELECT f({{role}}); SELECT 1',
  'SET ROLE {{role}}',
  ' /**/ COMMIT',
  'COMMIT {{role}}',
  'PREPARE TRANSACTION {{role}}',
  'GRANTED {{role}}',
  'GRANT SELECT ON accounts TO {role}',
  'GRANT SELECT ON accounts TO {{role',
  'GRANT SELECT ON accounts TO {{Role}}',
  '',
])('is refused: %s', (text) => {
  expect(readTemplate(text)).toEqual({ flaw: expect.any(String) });
});
