// The pages for people: what they link to and the files that they name are there, and their tables are the code's.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { LEASE_TRANSITIONS } from '../../src/domain/lease.js';
import { SCHEMA } from '../../src/store/embedded/schema.js';

const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'deploy/README.md',
  ...readdirSync('examples').map((name) => path.join('examples', name, 'README.md')),
  ...readdirSync('docs').map((name) => path.join('docs', name)),
].filter((name) => name.endsWith('.md') && existsSync(name));
const read = (page: string): string => readFileSync(page, 'utf8');

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

describe.each(pages)('%s', (page) => {
  test('links to what is there', () => {
    const broken = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
      .filter(([, file = '', anchor]) => {
        const target = file === '' ? page : path.join(path.dirname(page), file);
        return !existsSync(target) || (anchor !== undefined && !anchorsOf(read(target)).includes(anchor));
      })
      .map(([link]) => link);
    expect(broken).toEqual([]);
  });

  test('names files and folders that are there', () => {
    const named = [...read(page).matchAll(/`((?:src|test|config|examples|docs)\/[\w./-]+)`/g)];
    expect(named.map(([, file = '']) => file).filter((file) => !existsSync(file))).toEqual([]);
  });
});

test('docs/architecture.md has the transitions of a lease as they are', () => {
  const rows = [...read('docs/architecture.md').matchAll(/^\| `(\w+)` +\| `(\w+)` +\| `(\w+)` +\|$/gm)];
  const transitions = Object.entries(LEASE_TRANSITIONS).flatMap(([from, changes]) =>
    Object.entries(changes).map(([change, to]) => `${from} ${change} ${to}`),
  );
  const told = rows.map(([, ...cells]) => cells.join(' '));
  expect(new Set(told)).toEqual(new Set(transitions));
});

test('docs/storage.md has every table', () => {
  const tables = [...SCHEMA.matchAll(/^CREATE TABLE (\w+)/gm)].map(([, name]) => name);
  const rows = [...read('docs/storage.md').matchAll(/^\| `(\w+)` +\| [^|]+\| [^|]+\|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(expect.arrayContaining(tables));
});
