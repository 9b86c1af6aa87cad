// Cedar's extension types as far as our schema has them: ipaddr, datetime, duration. Decimals are in no context of ours.
import { isIPv4, isIPv6 } from 'node:net';

export type Extension = IpAddress | Datetime | Duration;

/** An address or a range of them. */
export class IpAddress {
  readonly bits: 32 | 128;
  readonly address: bigint;
  readonly prefix: number;

  constructor(bits: 32 | 128, address: bigint, prefix: number) {
    this.bits = bits;
    this.address = address;
    this.prefix = prefix;
  }

  /** All of this range lies in the other. */
  isInRange(other: IpAddress): boolean {
    if (this.bits !== other.bits || this.prefix < other.prefix) return false;
    const rest = BigInt(this.bits - other.prefix);
    return this.address >> rest === other.address >> rest;
  }
}

/** Milliseconds since 1970. */
export class Datetime {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

/** Milliseconds. */
export class Duration {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

export const isExtension = (value: object): value is Extension =>
  value instanceof IpAddress || value instanceof Datetime || value instanceof Duration;

export const sameExtension = (left: Extension, right: Extension): boolean =>
  left instanceof IpAddress
    ? right instanceof IpAddress &&
      left.bits === right.bits &&
      left.address === right.address &&
      left.prefix === right.prefix
    : left.constructor === right.constructor && left.ms === (right as Datetime).ms;

/** Undefined where it is none. An IPv4 address written inside an IPv6 one is none to Cedar either. */
export function parseIp(text: string): IpAddress | undefined {
  const [address = '', prefixText, ...more] = text.split('/');
  if (more.length > 0) return undefined;
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !/[.%]/.test(address) ? 128 : undefined;
  if (bits === undefined) return undefined;
  if (prefixText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  return new IpAddress(bits, bits === 32 ? ipv4(address) : ipv6(address), prefix);
}

const ipv4 = (address: string): bigint =>
  BigInt(address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0));

const GROUPS = 8;

const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'));

function ipv6(address: string): bigint {
  const [before = '', after] = address.split('::');
  const left = groupsOf(before);
  const right = groupsOf(after ?? '');
  const zeros = Array<string>(GROUPS - left.length - right.length).fill('0');
  const all = after === undefined ? left : [...left, ...zeros, ...right];
  return all.reduce((sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
}

const LOOPBACK = { 32: parseIp('127.0.0.0/8')!, 128: parseIp('::1')! } as const;
const MULTICAST = { 32: parseIp('224.0.0.0/4')!, 128: parseIp('ff00::/8')! } as const;

export const isLoopback = (ip: IpAddress): boolean => ip.isInRange(LOOPBACK[ip.bits]);
export const isMulticast = (ip: IpAddress): boolean => ip.isInRange(MULTICAST[ip.bits]);

const DAY_MS = 86_400_000;
const DATETIME = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d)(\d\d)))?$/;

export function parseDatetime(text: string): Datetime | undefined {
  const found = DATETIME.exec(text);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second, ms] = found
    .slice(1, 8)
    .map((part: string | undefined) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [, , , , , , , , sign, offsetHours = '0', offsetMinutes = '0'] = found;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -60_000 : 60_000);
  return new Datetime(date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + ms - offset);
}

/** `toDate`: the midnight before. */
export const dateOf = ({ ms }: Datetime): Datetime => new Datetime(Math.floor(ms / DAY_MS) * DAY_MS);
/** `toTime`: since midnight. */
export const timeOf = (at: Datetime): Duration => new Duration(at.ms - dateOf(at).ms);

const DURATION = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
const UNITS_MS = [DAY_MS, 3_600_000, 60_000, 1000, 1] as const;

export function parseDuration(text: string): Duration | undefined {
  const found = DURATION.exec(text);
  if (!found || !/\d/.test(text)) return undefined;
  const ms = UNITS_MS.reduce((sum, unit, index) => sum + Number(found[index + 2] ?? 0) * unit, 0);
  if (!Number.isSafeInteger(ms)) return undefined;
  return new Duration(found[1] === '-' ? 0 - ms : ms);
}

/** Whole units, towards zero. */
export const unitsOf = ({ ms }: Duration, unitMs: number): number => Math.trunc(ms / unitMs) + 0;
