// Callers at work at several brokers at once, until somebody says stop; what a crash may do to a request is borne with.
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { until } from '../fixtures/until.js';
import type { Callers } from './callers.js';
import type { Ledger } from './ledger.js';

const HANDS = 8;

export interface Weather {
  readonly ledger: Ledger;
  readonly callers: Pick<Callers, 'act'>;
  readonly broker: () => BrokerProcess;
  /** Asked after every answer. */
  readonly isOver: () => boolean;
}

/** @throws Error for a fault, or for a broker that broke off though nobody killed it. */
export async function storm({ ledger, callers, broker, isOver }: Weather): Promise<void> {
  const hand = async (): Promise<void> => {
    while (!isOver()) {
      const asked = broker();
      const { pid } = asked;
      try {
        await callers.act(asked);
      } catch (error) {
        // Nobody knows what became of a request without an answer: either is right.
        if (!isBroken(error) || (asked.isRunning && asked.pid === pid)) throw error;
        ledger.counts.unanswered++;
      }
    }
  };
  await Promise.all(Array.from({ length: HANDS }, hand));
}

/** A storm that lasts as long as what is done in it. */
export async function stormDuring(
  weather: Omit<Weather, 'isOver'>,
  work: () => Promise<void>,
): Promise<void> {
  let isOver = false;
  const working = work().finally(() => (isOver = true));
  await Promise.all([storm({ ...weather, isOver: () => isOver }), working]);
}

/** Resolves after so many answers more. */
export async function answersLater({ counts }: Ledger, more: number, withinMs = 20_000): Promise<void> {
  const enough = counts.answers + more;
  await until(`${more} more answers`, () => counts.answers >= enough, { withinMs, everyMs: 2 });
}

/** By a crash, and by nothing that was said. */
export const isBroken = (error: unknown): boolean =>
  ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
