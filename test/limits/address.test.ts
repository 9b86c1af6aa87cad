// Who counts as one caller by address.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { callerAt } from '../../src/limits/address.js';

const groups = (count: number) =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: count, maxLength: count });
const written = (parts: readonly number[]): string => parts.map((part) => part.toString(16)).join(':');

describe('a caller', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['', ''],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::5:6:7:8:9', '2001:db8:0:5::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ])('at %s is %s', (address, caller) => {
    expect(callerAt(address)).toBe(caller);
  });

  test('has its whole network of IPv6: no address in it makes it another one', () => {
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (network, one, other) => {
        expect(callerAt(written([...network, ...one]))).toBe(callerAt(written([...network, ...other])));
      }),
    );
  });

  test('is not the caller of the network beside it', () => {
    fc.assert(
      fc.property(groups(4), groups(4), (one, other) => {
        fc.pre(written(one) !== written(other));
        expect(callerAt(written([...one, 0, 0, 0, 1]))).not.toBe(callerAt(written([...other, 0, 0, 0, 1])));
      }),
    );
  });
});
