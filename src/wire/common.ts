// Pieces that several requests and answers share.
import { z } from 'zod';
import { DURATION, parseDuration } from '../domain/duration.js';
import { TASK_ID, isTaskId } from '../domain/ids.js';

/** Seconds as a number, or a duration as people write it: `90`, `"90s"`, `"15m"`. Read as milliseconds. */
export const duration = z
  .union([
    z.number().positive().max(1e9).describe('Seconds.'),
    z.string().meta({ pattern: DURATION.source, examples: ['90s', '15m', '2h'] }),
  ])
  .transform((value, context) => {
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
  .refine(isTaskId, 'must be 1 to 8 segments of 1 to 64 letters, digits, _ or -, joined by dots')
  .meta({ pattern: TASK_ID.source, examples: ['run-42', 'run-42.summarise'] });

/** Of an answer: what `wireTime` writes. */
export const timestamp = (description: string) => z.string().meta({ format: 'date-time', description });

/** A time on the wire: RFC 3339 in UTC with milliseconds. */
export const wireTime = (ms: number): string => new Date(ms).toISOString();

/** Where the query says nothing. */
export const noQuery = z.strictObject({});

const MOST_PER_PAGE = 200;
export const pageSize = z.coerce
  .number()
  .int()
  .min(1)
  .max(MOST_PER_PAGE)
  .default(50)
  .describe('At most so many.');

export const problem = z
  .object({
    type: z.string().describe('`urn:mayfly:problem:` and a name that stays the same.'),
    title: z.string().describe('What is wrong, in one sentence.'),
    status: z.int().describe('The status of the answer, once more.'),
    detail: z
      .string()
      .exactOptional()
      .describe("More, where it is about the caller's own input, or where a policy gives its reason."),
    request_id: z.string().describe('As in `X-Request-Id`: the audit log is searched by it.'),
    flaws: z
      .array(
        z.object({
          at: z.string().describe('Where: `tools[0].actions`; empty for the whole.'),
          message: z.string(),
        }),
      )
      .exactOptional()
      .describe('Each thing that is wrong with a body or a query.'),
  })
  .describe('Problem details (RFC 9457).');
export type Problem = z.infer<typeof problem>;

export const oauthError = z
  .object({
    error: z.string().describe('A code of RFC 6749, 8693, 8707, 9396 or 9449.'),
    error_description: z.string().describe('For a person: printable ASCII.'),
  })
  .describe('An OAuth error (RFC 6749 §5.2).');
export type OAuthError = z.infer<typeof oauthError>;
