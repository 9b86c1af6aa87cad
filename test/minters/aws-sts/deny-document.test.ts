// Documents that deny: what is written is read again, they fit into a role, and nobody's late write takes anything away.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { InlinePolicy } from '../../../src/minters/aws-sts/deny-document.js';
import {
  denies,
  documentsOf,
  documentText,
  entriesOf,
  inlineSize,
  MAX_INLINE_SIZE,
  planDenial,
  seatsFor,
} from '../../../src/minters/aws-sts/deny-document.js';

const ROLE = `AROA${'X'.repeat(17)}`;
const session = (index: number): string => `lease_${String(index).padStart(28, '0')}`;
const entry = (index: number): string => `${ROLE}:${session(index)}`;
const one = new Set([entry(1)]);
const sizeOf = (policies: readonly InlinePolicy[]): number =>
  policies.reduce((sum, { text }) => sum + inlineSize(text), 0);

/** What the role has after the plan; IAM would refuse what does not fit at any moment. */
function carriedOut(policies: readonly InlinePolicy[], plan: ReturnType<typeof planDenial>): InlinePolicy[] {
  if (!plan) throw new Error('no room');
  const both = [
    ...policies
      .filter(({ name }) => !plan.clear.includes(name))
      .map((policy) => plan.shrink.find(({ name }) => name === policy.name) ?? policy),
    ...(plan.put ? [plan.put] : []),
  ];
  expect(sizeOf(both)).toBeLessThanOrEqual(MAX_INLINE_SIZE);
  return both.filter(({ name }) => !plan.drop.includes(name));
}

describe('A document that denies', () => {
  test('says by which fence it was written, and is read as it was meant', () => {
    const state = {
      denied: [{ session: session(1), mintedBy: 5000, until: 9000 }],
      cutOff: { before: 5000, until: 9999 },
    };
    const entries = entriesOf(ROLE, state);
    expect([...entries]).toEqual([entry(1), 'before 1970-01-01T00:00:05Z']);
    const text = documentText(12, entries);
    expect(JSON.parse(text)).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'MayflyFence12',
          Effect: 'Deny',
          Action: '*',
          Resource: '*',
          Condition: { StringEquals: { 'aws:userid': [entry(1)] } },
        },
        {
          Sid: 'MayflyCutOff12',
          Effect: 'Deny',
          Action: '*',
          Resource: '*',
          Condition: { DateLessThan: { 'aws:TokenIssueTime': '1970-01-01T00:00:05Z' } },
        },
      ],
    });
    const { ours, foreignSize } = documentsOf([
      { name: 'mayfly-deny-12', text },
      { name: 'theirs', text: '{ "a": 1 }' },
    ]);
    expect(ours).toMatchObject([{ fence: 12, size: text.length, entries }]);
    expect(foreignSize).toBe(7);
    expect(denies(ours, entries)).toBe(true);
  });

  test('names nobody whom a cut-off covers', () => {
    const denied = [{ session: session(1), mintedBy: 4999, until: 9000 }];
    expect([...entriesOf(ROLE, { denied, cutOff: { before: 5000, until: 9999 } })]).toHaveLength(1);
  });

  test.each([
    ['not JSON', '{'],
    ['no statements', '{}'],
    ['an Allow', documentText(1, [entry(1)]).replace('Deny', 'Allow')],
    ['some actions', documentText(1, [entry(1)]).replace('"*"', '"s3:*"')],
    ['some resources', documentText(1, [entry(1)]).replace('"Resource":"*"', '"Resource":"arn:x"')],
    [
      'one more condition',
      documentText(1, [entry(1)]).replace('{"StringEquals"', '{"Bool":{},"StringEquals"'),
    ],
    ['one more key', documentText(1, [entry(1)]).replace('"aws:userid"', '"a:b":"c","aws:userid"')],
    ['another key', documentText(1, [entry(1)]).replace('aws:userid', 'aws:username')],
  ])('that somebody changed to %s denies nothing that is counted on', (_how, text) => {
    const { ours } = documentsOf([{ name: 'mayfly-deny-1', text }]);
    expect(denies(ours, new Set([entry(1)]))).toBe(false);
  });

  test('has room beside those before it for every session that has a seat, killed in any order', () => {
    const seats = seatsFor(ROLE, session(0).length, 1500);
    expect(seats).toBeGreaterThan(90);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 120 }), (kills) => {
        let policies: InlinePolicy[] = [{ name: 'permissions', text: 'x'.repeat(1500) }];
        let last = 0;
        for (const [index, count] of kills.entries()) {
          last += count;
          // Those whose time is over make room for as many others.
          const first = Math.max(0, last - seats);
          const wanted = new Set(Array.from({ length: last - first }, (_, at) => entry(first + at)));
          const plan = planDenial(index + 1, wanted, wanted, documentsOf(policies));
          policies = carriedOut(policies, plan);
          expect(denies(documentsOf(policies).ours, wanted)).toBe(true);
        }
      }),
      { numRuns: 6 },
    );
  });

  test('that comes late takes nothing away: each of its steps, whenever it is taken, leaves denied what is to be', () => {
    const write = fc.record({
      sleeps: fc.boolean(),
      more: fc.integer({ min: 1, max: 25 }),
      ends: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), fc.infiniteStream(fc.nat(1000)), (writes, chances) => {
        let policies: InlinePolicy[] = [];
        let [first, last] = [0, 0];
        // Steps that were planned by what was there then, and are taken in their order, when somebody wakes.
        const late: (() => void)[][] = [];
        const put = (policy: InlinePolicy) => (): void =>
          void (policies = [...policies.filter(({ name }) => name !== policy.name), policy]);
        const drop = (gone: string) => (): void =>
          void (policies = policies.filter(({ name }) => name !== gone));
        let denied = new Set<string>();
        for (const [index, { sleeps, more, ends }] of writes.entries()) {
          last += more;
          first = Math.min(last, Math.max(first + ends, last - 100));
          const wanted = new Set(Array.from({ length: last - first }, (_, at) => entry(first + at)));
          const plan = planDenial(index + 1, wanted, wanted, documentsOf(policies));
          if (plan) {
            const before = [...plan.shrink.map(put), ...plan.clear.map(drop)];
            const steps = [...before, ...(plan.put ? [put(plan.put)] : []), ...plan.drop.map(drop)];
            if (sleeps) late.push(steps);
            else {
              for (const step of steps) {
                step();
                const still = new Set([...denied].filter((each) => wanted.has(each)));
                expect(denies(documentsOf(policies).ours, still)).toBe(true);
              }
              denied = wanted;
            }
          }
          const { value: chance } = chances.next() as { value: number };
          if (late.length > 0 && chance % 3 > 0) late[chance % late.length]!.shift()?.();
          const still = new Set([...denied].filter((each) => wanted.has(each)));
          expect(denies(documentsOf(policies).ours, still)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('keeps whom a cut-off will cover until the cut-off is written', () => {
    const names = new Set(Array.from({ length: 160 }, (_, index) => entry(index)));
    const policies = [{ name: 'mayfly-deny-1', text: documentText(1, names) }];
    const cutOff = new Set(['before 1970-01-01T00:00:05Z']);
    const plan = planDenial(2, cutOff, names, documentsOf(policies));
    expect(plan).toMatchObject({ shrink: [], clear: [], drop: ['mayfly-deny-1'] });
    expect(denies(documentsOf(carriedOut(policies, plan)).ours, cutOff)).toBe(true);
  });

  test('is not written where there is nothing new, and the last goes when all is moot', () => {
    const policies = [{ name: 'mayfly-deny-3', text: documentText(3, [entry(1)]) }];
    expect(planDenial(4, new Set(), new Set(), documentsOf(policies))).toMatchObject({
      drop: ['mayfly-deny-3'],
    });
    expect(planDenial(2, one, one, documentsOf(policies))).toMatchObject({ drop: [] });
  });

  test('finds no room where others have taken it', () => {
    const policies = [{ name: 'theirs', text: 'x'.repeat(MAX_INLINE_SIZE - 100) }];
    expect(planDenial(1, one, one, documentsOf(policies))).toBeUndefined();
    expect(seatsFor(ROLE, 34, MAX_INLINE_SIZE + 1)).toBe(0);
  });
});
