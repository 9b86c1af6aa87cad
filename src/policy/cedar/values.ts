// Cedar's values as policies compute with them, and when two are the same.
import { isExtension, sameExtension } from './extensions.js';
import type { Extension } from './extensions.js';

/** An entity with what is known of it. Two are the same by type and id. */
export interface Entity {
  readonly type: string;
  readonly id: string;
  readonly attrs?: Readonly<Record<string, Value>>;
  readonly tags?: Readonly<Record<string, Value>>;
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

export const isEntity = (value: Value): value is Entity =>
  typeof value === 'object' && !isSet(value) && ENTITY in value;

/** Marks entities among records, which may have any member that JSON can name. */
export const ENTITY = Symbol('entity');

export const entity = (facts: Entity): Entity => ({ ...facts, [ENTITY]: true }) as Entity;

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

const sameMembers = (left: readonly Value[], right: readonly Value[]): boolean =>
  left.every((member) => contains(right, member)) && right.every((member) => contains(left, member));
