// Arguments as people write them, checked before anything is sent.
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../domain/duration.js';
import { INSTANCE_KINDS, type InstanceKind } from '../domain/principal.js';

/** A duration of at least a second, as it was written: the broker reads it once more. */
export function duration(written: string): string {
  const ms = parseDuration(written);
  if (ms === undefined || ms < 1000) {
    throw new InvalidArgumentError('A number with its unit, a second at least: 30s, 15m, 2h.');
  }
  return written;
}

export function pageSize(written: string): number {
  const size = Number(written);
  if (/^\d{1,3}$/.test(written) && size >= 1 && size <= 200) return size;
  throw new InvalidArgumentError('A number from 1 to 200.');
}

export function sequence(written: string): number {
  if (/^\d{1,15}$/.test(written)) return Number(written);
  throw new InvalidArgumentError('A number, as in `sequence` of --json.');
}

/** What was given, without what was not. */
export const given = <Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

/** `pod`, or `pod:<uid>` */
export function instanceBinding(written: string): { kind: InstanceKind; id?: string } {
  const [, kind = '', id] = /^([a-z]+)(?::(.+))?$/.exec(written) ?? [];
  if (!isInstanceKind(kind))
    throw new InvalidArgumentError(
      `One of ${INSTANCE_KINDS.join(', ')}, and if it is known a colon and its id.`,
    );
  return { kind, ...(id !== undefined && { id }) };
}

const isInstanceKind = (text: string): text is InstanceKind =>
  (INSTANCE_KINDS as readonly string[]).includes(text);

/** For options that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `name=value` */
function pair(written: string): [name: string, value: string] {
  const equals = written.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('A name, an equals sign and a value: name=value.');
  return [written.slice(0, equals), written.slice(equals + 1)];
}

export const collectPairs = (
  written: string,
  before: readonly [string, string][] = [],
): [string, string][] => [...before, pair(written)];
