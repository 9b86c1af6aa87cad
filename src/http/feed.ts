// Routes of the revocation feed: what verifiers read, what they say of it, and who they are.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../domain/clock.js';
import { Refusal } from '../domain/refusal.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { EndReason, FeedReader, Feed } from '../revocation/feed/index.js';
import { endEvent } from '../revocation/feed/index.js';
import type { Acknowledged, FeedSnapshot, VerifierList } from '../wire/feed.js';
import { wireTime } from '../wire/common.js';
import { acknowledgement, verifierQuery } from '../wire/feed.js';
import type { Answer } from './answer.js';
import { ok } from './answer.js';
import type { Call, Edge, Respond } from './call.js';
import { EventStream } from './event-stream.js';
import { parse } from './parse.js';

/** However long a token is good for: whoever reads shows another one so often, and comes back to any broker. */
const LONGEST_STREAM_MS = 3_600_000;

export const feedRoutes = ({ feed, broker }: Edge) =>
  ({
    readRevocations: async () => {
      const { feed: name, epoch, version, as_of, parts } = await feed.snapshot();
      return ok({ feed: name, epoch, version, as_of, parts: [...parts] } satisfies FeedSnapshot);
    },

    streamRevocations: (call) => {
      const leave = broker.limits.stream(call.principal.name);
      if (leave instanceof Refusal) return Promise.resolve(leave);
      return Promise.resolve(streaming(feed, call, broker.clock, leave));
    },

    acknowledgeRevocations: async ({ principal, body, entry }) => {
      const said = parse(acknowledgement, body);
      if (said instanceof Refusal) return said;
      const now = await feed.acknowledge(principal.name, said.stream, said.as_of);
      // One for each kill and each reader would drown the record of what they are about.
      entry.markConcluded();
      return ok({ now } satisfies Acknowledged);
    },

    listVerifiers: ({ query }) => {
      const asked = parse(verifierQuery, query);
      if (asked instanceof Refusal) return Promise.resolve(asked);
      const since = asked.since === undefined ? undefined : Date.parse(asked.since);
      const verifiers = feed.audience(since).map(({ oldest, ...heard }) => ({
        ...heard,
        ...(oldest !== undefined && { oldest: wireTime(oldest) }),
      }));
      const sum = (of: 'connected' | 'applied'): number =>
        verifiers.reduce((total, one) => total + (one[of] ?? 0), 0);
      return Promise.resolve(
        ok({
          connected: sum('connected'),
          ...(since !== undefined && { applied: sum('applied') }),
          verifiers,
        } satisfies VerifierList),
      );
    },
  }) satisfies Record<string, Respond>;

/** Answers with a stream that goes on until its reader leaves, falls behind, or has to show who it is once more. */
async function streaming(
  feed: Feed,
  { principal, lastEventId }: Call,
  clock: Clock,
  leave: () => void,
): Promise<Answer> {
  const reader = new StreamReader(principal);
  try {
    const { id, leave: unsubscribe } = await feed.subscribe(reader, lastEventId);
    return {
      status: 200,
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store, no-transform',
        // What stands in front of us and keeps answers together until they are whole would keep this one for ever.
        'x-accel-buffering': 'no',
        'mayfly-stream': id,
      },
      hold: (response) => reader.begin(response, Math.max(0, principal.expiresAt - clock.now())),
      gone: () => {
        unsubscribe();
        leave();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}

/** Keeps what comes before the head of the answer is out. */
class StreamReader implements FeedReader {
  readonly principal: VerifiedPrincipal['name'];
  #stream: EventStream | undefined;
  #before: Buffer[] = [];
  #ended: EndReason | undefined;

  constructor({ name }: VerifiedPrincipal) {
    this.principal = name;
  }

  write(frame: Buffer): void {
    if (!this.#stream) this.#before.push(frame);
    else if (!this.#stream.write(frame)) this.end('slow');
  }

  end(reason: EndReason): void {
    this.#ended = reason;
    this.#stream?.end(endEvent(reason));
  }

  begin(response: ServerResponse, leftMs: number): void {
    this.#stream = new EventStream(response);
    this.#stream.begin(this.#before);
    this.#before = [];
    const expiry = setTimeout(
      () => this.end('token_expired'),
      Math.min(leftMs, LONGEST_STREAM_MS) * (1 - Math.random() / 10),
    );
    response.once('close', () => clearTimeout(expiry));
    if (this.#ended) this.end(this.#ended);
  }
}
