// The contract of the revocation feed's routes.
import { verifierQuery } from '../../wire/feed.js';
import type { RouteName } from '../access.js';
import * as example from './examples.js';
import type { DocumentedRoute } from './route.js';

export const FEED_ROUTES = {
  readRevocations: {
    tag: 'Verification',
    summary: 'Read every kill in force',
    description: 'Signed. Entries are selectors by their digests: docs/feed.md.',
    answers: {
      200: { description: 'All of them.', schema: 'FeedSnapshot', example: example.feedSnapshot },
    },
  },
  streamRevocations: {
    tag: 'Verification',
    summary: 'Be told of every kill as it is committed',
    description:
      'Server-sent events: a snapshot, each change, and at every heartbeat, signed, until when nothing is missing. With `Last-Event-ID`, of any broker, what came since. It ends when the token does.',
    answers: {
      200: {
        description: 'For as long as it is read.',
        schema: 'FeedStream',
        type: 'text/event-stream',
        headers: ['Mayfly-Stream'],
      },
    },
    refusals: ['too_many_streams'],
  },
  acknowledgeRevocations: {
    tag: 'Verification',
    summary: 'Say that kills are applied',
    body: { schema: 'FeedAcknowledgement', example: example.feedAcknowledgement },
    answers: {
      200: { description: 'It is counted.', schema: 'FeedAcknowledged', example: { now: 1_764_385_200_212 } },
    },
  },
  listVerifiers: {
    tag: 'Operating',
    summary: 'See who reads the feed, and who has applied a kill',
    query: verifierQuery,
    answers: {
      200: { description: 'By principal.', schema: 'VerifierList', example: example.verifiers },
    },
  },
} as const satisfies Partial<Record<RouteName, DocumentedRoute>>;
