// docs/http.md names every route and every error that there is, and none that there is not.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { REFUSAL_REASONS, Refusal } from '../../src/domain/refusal.js';
import { ROLES } from '../../src/domain/principal.js';
import { ACCESS } from '../../src/http/access.js';
import type { Access } from '../../src/http/access.js';
import { SINGLE_USE_TYPE } from '../../src/minters/jwt/jwt-minter.js';
import { MOST_TYPES } from '../../src/tasks/signal-task.js';
import { signalBody, signalView } from '../../src/wire/tasks.js';
import { faultAnswer, refusalAnswer } from '../../src/http/errors.js';

const page = readFileSync('docs/http.md', 'utf8');

/** The rows of the table with this first header, each as its cells. */
function table(header: string): string[][] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${header}`));
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

const plain = (cell: string): string => cell.replaceAll('`', '');

const route = ({ method, path }: Access): string =>
  `${method.toUpperCase()} ${path.replaceAll(/[:*](\w+)/g, '{$1}')}`;

const rowOf = (answer: (dialect: 'problem' | 'oauth') => ReturnType<typeof refusalAnswer>): string => {
  const problem = answer('problem').body as { type: string; title: string };
  const oauth = answer('oauth').body as { error: string };
  const name = problem.type.replace('urn:mayfly:problem:', '');
  return [answer('problem').status, name, `${answer('oauth').status} ${oauth.error}`, problem.title].join(
    ' | ',
  );
};

describe('routes', () => {
  const routes: Access[] = [
    {
      method: 'post',
      path: '/token',
      action: 'token.exchange',
      roles: ['agent'],
      body: 'form',
      query: false,
      kills: false,
    },
    ...Object.values(ACCESS),
  ];
  const bodies = { none: '', form: 'form', json: 'JSON' };

  test('the table has all of them, with their roles and bodies', () => {
    const expected = routes.map((access) => [
      route(access),
      access.roles.length === ROLES.length ? 'any' : access.roles.toSorted().join(', '),
      bodies[access.body],
    ]);
    const told = table('route').map(([name = '', roles = '', body = '']) => [
      plain(name),
      roles.split(', ').toSorted().join(', '),
      body,
    ]);
    expect(told).toEqual(expected);
  });

  test.each(routes.map(route))('%s has a section with an example', (name) => {
    const [, section = ''] = page.split(`### \`${name}\`\n`);
    expect(section.split(/^##/m)[0]).toMatch(/^```/m);
  });
});

test('signals are told with every member, and how many types there may be', () => {
  const [, section = ''] = page.split('### `POST /v1/tasks/{id}/signals`\n');
  const [told = ''] = section.split(/^##/m);
  const examples = [...told.matchAll(/^\{[^]*?\}$/gm)].map(([json]) => JSON.parse(json) as unknown);
  expect([signalBody.parse(examples[0]), signalView.strict().parse(examples[1])]).toEqual(examples);
  const members = Object.keys({ ...signalBody.shape, ...signalView.shape });
  expect(members.filter((member) => !told.includes(`"${member}"`))).toEqual([]);
  expect(told).toContain(`${MOST_TYPES} types at the most`);
});

test('what a credential for single use is told by stands wherever it is told', () => {
  for (const name of ['POST /token', 'POST /introspect', 'GET /v1/leases/{id}']) {
    const [, section = ''] = page.split(`### \`${name}\`\n`);
    expect([name, section.split(/^##/m)[0]]).toEqual([name, expect.stringContaining('single_use')]);
  }
  expect(page).toContain(SINGLE_USE_TYPE);
});

test('the errors are told as they are answered, each reason in its row', () => {
  const expected = new Map<string, string[]>();
  for (const reason of REFUSAL_REASONS) {
    const row = rowOf((dialect) => refusalAnswer(new Refusal(reason), 'req_', dialect));
    expected.set(row, [...(expected.get(row) ?? []), reason]);
  }
  expected.set(
    rowOf((dialect) => faultAnswer('req_', dialect)),
    ['–'],
  );

  const told = new Map(
    table('status').map((cells) => [plain(cells.slice(0, 4).join(' | ')), plain(cells[4]!).split(', ')]),
  );
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
});
