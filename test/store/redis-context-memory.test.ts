// What a broker remembers of the contexts of trees: nothing that it could not have been told by the store.
import { afterEach, expect, jest, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/duration.js';
import type { Holding, TreeContext } from '../../src/domain/tree-context.js';
import { NO_CONTEXT } from '../../src/domain/tree-context.js';
import { ContextMemory } from '../../src/store/redis/context-memory.js';
import { taskId } from '../contract/store/scene.js';

afterEach(() => void jest.restoreAllMocks());

const ROOT = taskId('run-1');
const CRM: Holding = 'data:confidential:crm';
const given = (version: number) => ({ version, holding: CRM, principal: '{}' });
const at = (version: number, held: readonly Holding[] = []): TreeContext => ({
  ...NO_CONTEXT,
  version,
  held,
});

test.each<[string, TreeContext, number, number, TreeContext | undefined]>([
  ['what was given out on it is added', at(3), 3, 4, at(4, [CRM])],
  ['nothing is added where nothing changed', at(3, [CRM]), 3, 3, at(3, [CRM])],
  ['a later one stays', at(5), 3, 4, at(5)],
  ['an earlier one goes: what came between is not known', at(2), 3, 4, undefined],
  ['it goes where it is not known what came of it', at(3), 3, -1, undefined],
  ['it goes where more than this has changed', at(3), 3, 5, undefined],
  ['it goes where it had what the store did not', at(3, [CRM]), 3, 4, undefined],
])('after an issuance: %s', (_, known, version, after, left) => {
  const memory = new ContextMemory();
  memory.held(ROOT, given(version), after);
  expect(memory.get(ROOT)).toBeUndefined();
  memory.keep(ROOT, known);
  memory.held(ROOT, given(version), after);
  expect(memory.get(ROOT)).toEqual(left);
});

test('one that was told long ago is asked for anew, whatever was given out on it since', () => {
  const now = jest.spyOn(performance, 'now').mockReturnValue(1000);
  const memory = new ContextMemory();
  memory.keep(ROOT, at(0));
  now.mockReturnValue(999 + MINUTE_MS);
  memory.held(ROOT, given(0), 1);
  expect(memory.get(ROOT)).toEqual(at(1, [CRM]));
  now.mockReturnValue(1000 + MINUTE_MS);
  expect(memory.get(ROOT)).toBeUndefined();
});

test('the oldest is forgotten where there are too many', () => {
  const memory = new ContextMemory();
  for (let n = 0; n < 10_001; n++) memory.keep(taskId(`run-${n}`), at(n));
  expect([memory.get(taskId('run-0')), memory.get(ROOT)]).toEqual([undefined, at(1)]);
});
