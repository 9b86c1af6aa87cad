// A verifier before a feed, each with clocks that a test may turn.
import {
  CredentialRefused,
  Verifier,
  type VerifierEvent,
  type VerifierOptions,
  type Want,
} from '../../../src/sdk/verifier/index.js';
import { AUDIENCE, FeedServer } from '../../fixtures/feed-server.js';
import { until } from '../../fixtures/until.js';

/** This machine's clocks, and what a test adds to them. */
class TurnedClocks {
  monotonicMs = 0;
  wallMs = 0;
  readonly monotonic = (): number => performance.now() + this.monotonicMs;
  readonly wall = (): number => Date.now() + this.wallMs;

  /** As if so much had passed. */
  pass(ms: number): void {
    this.monotonicMs += ms;
    this.wallMs += ms;
  }
}

export const READ: Want = { tool: 'crm', action: 'read' };

export class VerifierScene {
  readonly feed: FeedServer;
  readonly clocks = new TurnedClocks();
  readonly events: VerifierEvent[] = [];
  readonly verifier: Verifier;

  private constructor(feed: FeedServer, options: Partial<VerifierOptions>) {
    this.feed = feed;
    this.verifier = new Verifier(
      {
        broker: feed.url,
        token: 'a.b.c',
        tools: { crm: { audience: AUDIENCE, plane: 'data' } },
        onEvent: (event) => this.events.push(event),
        ...options,
      },
      this.clocks,
    );
  }

  /** Ready, unless the feed was made such that it cannot be. */
  static async start(
    options: Partial<VerifierOptions> = {},
    prepare?: (feed: FeedServer) => void,
  ): Promise<VerifierScene> {
    const feed = await FeedServer.start();
    prepare?.(feed);
    const scene = new VerifierScene(feed, options);
    if (!prepare) await scene.verifier.ready();
    return scene;
  }

  /** As if so much had passed, here and there. */
  pass(ms: number): void {
    this.clocks.pass(ms);
    this.feed.skewMs += ms;
  }

  async stop(): Promise<void> {
    await this.verifier.close();
    this.feed.stop();
  }

  /** `accepted`, or the code of the refusal. */
  async tried(token: string | undefined, want: Want = READ): Promise<string> {
    try {
      await this.verifier.verify(token, want);
      return 'accepted';
    } catch (error) {
      if (error instanceof CredentialRefused) return error.code;
      throw error;
    }
  }

  becomes(token: string, outcome: string, withinMs = 5000): Promise<true> {
    return until(outcome, async () => (await this.tried(token)) === outcome, {
      withinMs,
      everyMs: 2,
    }) as Promise<true>;
  }

  told(kind: VerifierEvent['kind'], times = 1): Promise<true> {
    return until(`told ${times} × ${kind}`, () => this.kinds(kind).length >= times, {
      everyMs: 5,
    }) as Promise<true>;
  }

  kinds(kind: VerifierEvent['kind']): VerifierEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }
}
