// docs/status-lists.md: its example of the configuration is good, and its numbers are those of the code.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { settingsFrom } from '../../src/config/load.js';
import { ENTRIES_PER_LIST, statusBytes } from '../../src/domain/status-list.js';
import { packed, STATUS_LIST_TYPE } from '../../src/revocation/status-lists.js';
import { GOOD } from '../config/fixture.js';

const settings = (text: string) => settingsFrom(stringify({ ...parse(GOOD), ...parse(text) }), 'mayfly.yaml');
const page = readFileSync('docs/status-lists.md', 'utf8');

test('the example of the configuration says what holds where it says no more', async () => {
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  const [told, short] = await Promise.all([settings(example), settings('status_list: {}')]);
  expect(told.statusList).toEqual({ ttlMs: 60_000 });
  expect(short.statusList).toEqual(told.statusList);
});

test('the length of a list, and what it is sent as, are as they are', () => {
  expect(page).toContain(`${ENTRIES_PER_LIST.toLocaleString('en')} bits`);
  expect(page).toContain(`"typ": "${STATUS_LIST_TYPE}"`);
  const [, lst = ''] = /"lst": "(\w+)…"/.exec(page) ?? [];
  expect(packed(statusBytes({ live: [0] })).startsWith(lst)).toBe(true);
});
