// The revocation feed on the wire. What its messages hold is in docs/feed.md: they are signed, and not read by schemas.
import { z } from 'zod';
import { timestamp } from './common.js';

export const feedSnapshot = z
  .object({
    feed: z.string().describe("Names the sequence of one broker's changes."),
    epoch: z.string().describe("Names the store's life: another one where it lost something."),
    version: z.int().describe('How many changes this broker has told.'),
    as_of: z
      .int()
      .describe('Whatever the store had committed by then is contained. Milliseconds since 1970.'),
    parts: z
      .array(z.string())
      .describe('The signed messages (JWS, typ `mayfly-feed+jwt`), all of which make up the snapshot.'),
  })
  .describe('Every kill in force, signed.');
export type FeedSnapshot = z.infer<typeof feedSnapshot>;

export const feedStream = z
  .string()
  .describe('Server-sent events: `snapshot`, `change`, `heartbeat`, `end`.');

export const acknowledgement = z.strictObject({
  stream: z
    .string()
    .regex(/^[\w-]{16}$/, 'must be the stream id of the `Mayfly-Stream` header')
    .describe('The stream that it came by: its `Mayfly-Stream` header.'),
  epoch: z.string().max(64),
  as_of: z
    .int()
    .min(0)
    .describe('Of the latest heartbeat or snapshot that was proven: all until then is applied.'),
});
export type Acknowledgement = z.infer<typeof acknowledgement>;

export const acknowledged = z.object({
  now: z.int().describe("The store's time at the most. Milliseconds since 1970."),
});
export type Acknowledged = z.infer<typeof acknowledged>;

export const verifierQuery = z.strictObject({
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Counts who has applied every kill until then: the `at` of a kill, or later.'),
});

export const verifierList = z
  .object({
    connected: z.int().describe('Streams that are being read, at all brokers.'),
    applied: z.int().exactOptional().describe('How many of them go by everything until `since`.'),
    verifiers: z.array(
      z.object({
        principal: z.string(),
        connected: z.int(),
        applied: z.int().exactOptional(),
        oldest: timestamp(
          'What the one furthest behind has applied. Absent before its first word.',
        ).exactOptional(),
      }),
    ),
  })
  .describe('Who reads the feed, and how far they are.');
export type VerifierList = z.infer<typeof verifierList>;
