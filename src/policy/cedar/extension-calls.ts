// The functions and methods of Cedar's extension types, by their names in its JSON form.
import {
  Datetime,
  Duration,
  IpAddress,
  dateOf,
  isLoopback,
  isMulticast,
  parseDatetime,
  parseDuration,
  parseIp,
  timeOf,
  unitsOf,
} from './extensions.js';
import type { Value } from './values.js';
import { EvaluationError } from './values.js';

/** Of one value or of two: its `length` tells. */
export type Call = (value: Value, other?: Value) => Value;
type Class<T> = abstract new (...members: never[]) => T;

const CALLS: Readonly<Record<string, Call>> = {
  ip: made(parseIp),
  datetime: made(parseDatetime),
  duration: made(parseDuration),

  isIpv4: of(IpAddress, ({ bits }) => bits === 32),
  isIpv6: of(IpAddress, ({ bits }) => bits === 128),
  isLoopback: of(IpAddress, isLoopback),
  isMulticast: of(IpAddress, isMulticast),
  isInRange: ofTwo(IpAddress, IpAddress, (one, range) => one.isInRange(range)),

  toDate: of(Datetime, dateOf),
  toTime: of(Datetime, timeOf),
  offset: ofTwo(Datetime, Duration, (at, by) => new Datetime(checked(at.ms + by.ms))),
  durationSince: ofTwo(Datetime, Datetime, (at, since) => new Duration(checked(at.ms - since.ms))),

  toMilliseconds: of(Duration, (long) => unitsOf(long, 1)),
  toSeconds: of(Duration, (long) => unitsOf(long, 1000)),
  toMinutes: of(Duration, (long) => unitsOf(long, 60_000)),
  toHours: of(Duration, (long) => unitsOf(long, 3_600_000)),
  toDays: of(Duration, (long) => unitsOf(long, 86_400_000)),
};

export const extensionCall = (name: string): Call | undefined =>
  Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;

function made(parse: (text: string) => Value | undefined): Call {
  return (value) => {
    const found = typeof value === 'string' ? parse(value) : undefined;
    if (found === undefined) throw new EvaluationError(`${JSON.stringify(value)} cannot be read`);
    return found;
  };
}

function of<T>(type: Class<T>, compute: (value: T) => Value): Call {
  return (value) => compute(instance(type, value));
}

function ofTwo<T, U>(type: Class<T>, other: Class<U>, compute: (value: T, other: U) => Value): Call {
  return (left, right) => compute(instance(type, left), instance(other, right!));
}

function instance<T>(type: Class<T>, value: Value): T {
  if (!(value instanceof type)) throw new EvaluationError(`a ${type.name} was expected, not ${typeof value}`);
  return value;
}

function checked(ms: number): number {
  if (!Number.isSafeInteger(ms)) throw new EvaluationError('a time beyond 2^53');
  return ms;
}
