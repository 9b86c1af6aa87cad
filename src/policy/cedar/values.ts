// Cedar's values as policies compute with them, and when two are the same.
import { isExtension, sameExtension } from './extensions.js';
import type { Extension } from './extensions.js';

interface EntityFacts {
  readonly type: string;
  readonly id: string;
  readonly attrs?: Readonly<Record<string, Value>>;
  readonly tags?: Readonly<Record<string, Value>>;
}

/** An entity with what is known of it: a class of its own among records, which may have any member that JSON can name. */
export class Entity {
  readonly type: string;
  readonly id: string;
  readonly attrs: Readonly<Record<string, Value>> | undefined;
  readonly tags: Readonly<Record<string, Value>> | undefined;

  constructor({ type, id, attrs, tags }: EntityFacts) {
    this.type = type;
    this.id = id;
    this.attrs = attrs;
    this.tags = tags;
  }
}

export type Value =
  string | number | boolean | readonly Value[] | Entity | Extension | { readonly [name: string]: Value };

/** A policy could not be evaluated on this request. Not satisfied is something else: see `PolicySet`. */
export class EvaluationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EvaluationError';
  }
}

const isSet = (value: Value): value is readonly Value[] => Array.isArray(value);

export const isEntity = (value: Value): value is Entity => value instanceof Entity;

/** Of any two values: those of different types are different, and that is no error. */
export function same(left: Value, right: Value): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right;
  if (left === right) return true;
  if (isSet(left)) return isSet(right) && sameMembers(left, right);
  if (isSet(right)) return false;
  if (isExtension(left)) return isExtension(right) && sameExtension(left, right);
  if (isExtension(right)) return false;
  if (isEntity(left)) return isEntity(right) && left.type === right.type && left.id === right.id;
  if (isEntity(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && same(left[name]!, right[name]!))
  );
}

export const contains = (set: readonly Value[], wanted: Value): boolean =>
  typeof wanted === 'object' ? set.some((member) => same(member, wanted)) : set.includes(wanted);

/** From here on it takes less time to make an index of a set than to go through it for each member of another. */
const WORTH_INDEXING = 16;

/** Whether a value is in the set: for many values, which a caller may choose. */
export function membership(set: readonly Value[]): (wanted: Value) => boolean {
  if (set.length < WORTH_INDEXING) return (wanted) => contains(set, wanted);
  const plain = new Set(set.filter((member) => typeof member !== 'object'));
  const others = set.filter((member) => typeof member === 'object');
  return (wanted) => (typeof wanted === 'object' ? contains(others, wanted) : plain.has(wanted));
}

const sameMembers = (left: readonly Value[], right: readonly Value[]): boolean =>
  left.every(membership(right)) && right.every(membership(left));
