// Pieces that several requests and answers share.
import { z } from 'zod';
import { parseDuration } from '../domain/duration.js';
import { isTaskId } from '../domain/ids.js';

/** Seconds as a number, or a duration as people write it: `90`, `"90s"`, `"15m"`. Read as milliseconds. */
export const duration = z.union([z.number().positive().max(1e9), z.string()]).transform((value, context) => {
  const ms = typeof value === 'number' ? Math.floor(value * 1000) : parseDuration(value);
  if (ms !== undefined && ms >= 1000) return ms;
  context.addIssue({
    code: 'custom',
    message: 'must be a duration of at least a second, like 90 (seconds), "90s", "15m" or "2h"',
  });
  return z.NEVER;
});

export const taskId = z
  .string()
  .refine(isTaskId, 'must be 1 to 8 segments of 1 to 64 letters, digits, _ or -, joined by dots');

/** A time on the wire: RFC 3339 in UTC with milliseconds. */
export const wireTime = (ms: number): string => new Date(ms).toISOString();

/** Where the query says nothing. */
export const noQuery = z.strictObject({});

const MOST_PER_PAGE = 200;
export const pageSize = z.coerce.number().int().min(1).max(MOST_PER_PAGE).default(50);

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  request_id: string;
  /** For a body with flaws: each of them. */
  flaws?: { at: string; message: string }[];
}

/** RFC 6749 §5.2. */
export interface OAuthError {
  error: string;
  error_description: string;
}
