// W3C Trace Context: what is passed on, what begins a new trace, and that nothing else gets through.
import { describe, expect, test } from '@jest/globals';
import { assert, property, string } from 'fast-check';
import { onward, readTrace } from '../../src/domain/trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const GOOD = `00-${TRACE}-${PARENT}-01`;

test('who names no trace gets none', () => {
  expect(readTrace(undefined, 'rojo=1')).toBeUndefined();
});

describe('a traceparent that can be read', () => {
  test.each([
    ['of version 00', GOOD, '01'],
    ['not sampled', `00-${TRACE}-${PARENT}-00`, '00'],
    ['with flags that version 00 does not know, which are left out', `00-${TRACE}-${PARENT}-ff`, '01'],
    ['with other flags alone', `00-${TRACE}-${PARENT}-fe`, '00'],
    ['of a later version', `cc-${TRACE}-${PARENT}-01`, '01'],
    ['of a later version that says more', `cc-${TRACE}-${PARENT}-01-what-the-future-brings`, '01'],
  ])('%s', (_name, header, flags) => {
    expect(readTrace(header, undefined)).toEqual({ traceId: TRACE, flags });
  });
});

describe('what cannot be read begins a new trace, and takes no state along', () => {
  test.each([
    ['nothing', ''],
    ['version ff', `ff-${TRACE}-${PARENT}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['capital letters', GOOD.toUpperCase()],
    ['more than version 00 has', `${GOOD}-more`],
    ['more of a later version without a dash', `cc-${TRACE}-${PARENT}-01more`],
    ['a dash too many', `${GOOD}-`],
    ['too short a trace id', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['too long a parent id', `00-${TRACE}-${PARENT}0-01`],
    ['no flags', `00-${TRACE}-${PARENT}`],
    ['a letter beyond f', `00-${TRACE.replace('4', 'g')}-${PARENT}-01`],
    ['spaces', ` ${GOOD}`],
    ['two headers, joined', `${GOOD}, ${GOOD}`],
    ['two headers, as a list', [GOOD, GOOD]],
    ['a line break', `${GOOD}\n`],
  ])('%s', (_name, header) => {
    const trace = readTrace(header, 'rojo=1');
    expect(trace).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), flags: '00' });
    expect(trace?.traceId).not.toBe(TRACE);
  });
});

describe('the state', () => {
  test.each([
    ['one member', 'rojo=00f067aa0ba902b7', 'rojo=00f067aa0ba902b7'],
    ['several, in their order', 'congo=t61,rojo=00f0', 'congo=t61,rojo=00f0'],
    ['with spaces about them', 'congo=t61 ,\t rojo=1', 'congo=t61,rojo=1'],
    ['empty members between', 'congo=t61,,rojo=1,', 'congo=t61,rojo=1'],
    ['a tenant', 'fw529a3039@dt=1', 'fw529a3039@dt=1'],
    ['several headers', ['congo=t61', 'rojo=1'], 'congo=t61,rojo=1'],
  ])('%s is kept', (_name, header, kept) => {
    expect(readTrace(GOOD, header)?.state).toBe(kept);
  });

  test.each([
    ['nothing', ''],
    ['commas alone', ' , ,'],
    ['no equals sign', 'congo'],
    ['two equals signs', 'congo=a=b'],
    ['a key in capitals', 'Congo=1'],
    ['a key that begins with a digit', '1a=1'],
    ['a key twice', 'a=1,a=2'],
    ['an empty value', 'a='],
    ['a value in another script', 'a=ü'],
    ['a line break', 'a=1\nb=2'],
    ['33 members', Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',')],
    ['a key of 257 characters', `${'k'.repeat(257)}=1`],
    ['a value of 257 characters', `k=${'v'.repeat(257)}`],
    ['more than anybody needs', Array.from({ length: 12 }, (_, i) => `k${i}=${'v'.repeat(250)}`).join(',')],
  ])('%s voids the state and not the trace', (_name, header) => {
    expect(readTrace(GOOD, header)).toEqual({ traceId: TRACE, flags: '01' });
  });
});

test('onward: the same trace and state, another parent every time', () => {
  const trace = readTrace(GOOD, 'rojo=1')!;
  const [first, second] = [onward(trace), onward(trace)];
  const form = expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  expect(first).toEqual({ traceparent: form, tracestate: 'rojo=1' });
  expect(new Set([first['traceparent'], second['traceparent'], GOOD]).size).toBe(3);
});

test('whatever is sent, what goes onward can be read', () => {
  assert(
    property(string({ unit: 'binary' }), string({ unit: 'binary' }), (parent, state) => {
      const headers = onward(readTrace(parent, state)!);
      expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
      expect(readTrace(headers['traceparent'], headers['tracestate'])?.state).toBe(headers['tracestate']);
    }),
  );
});
