// What operators take: each checks the type, as what a policy computes with is known only when it is evaluated.
import { Datetime, Duration } from './extensions.js';
import type { Entity, Value } from './values.js';
import { EvaluationError, isEntity } from './values.js';

export function compared(left: Value, right: Value): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  const both =
    (left instanceof Datetime && right instanceof Datetime) ||
    (left instanceof Duration && right instanceof Duration);
  if (!both) throw mistyped('two numbers, datetimes or durations', left);
  return left.ms - right.ms;
}

export function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw mistyped('boolean', value);
  return value;
}

export function number(value: Value): number {
  if (typeof value !== 'number') throw mistyped('long', value);
  return value;
}

export function long(value: number): number {
  if (!Number.isSafeInteger(value)) throw new EvaluationError('a number beyond 2^53');
  return value + 0;
}

export function textIn(value: Value): string {
  if (typeof value !== 'string') throw mistyped('string', value);
  return value;
}

export function set(value: Value): readonly Value[] {
  if (!Array.isArray(value)) throw mistyped('set', value);
  return value as readonly Value[];
}

export function entityIn(value: Value): Entity {
  if (typeof value !== 'object' || !isEntity(value)) throw mistyped('entity', value);
  return value;
}

export const mistyped = (wanted: string, value: Value): EvaluationError =>
  new EvaluationError(`a ${wanted} was expected, not ${typeof value}`);
