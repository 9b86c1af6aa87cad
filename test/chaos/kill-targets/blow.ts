// One kill -9 of a broker: at a step of a mint or a kill, with an answer that its caller never gets, or in the midst of much work.
import type { BrokerProcess } from '../../fixtures/broker-process.js';
import { BrokerClient } from '../../fixtures/broker-client.js';
import type { Gate, Stop } from '../../fixtures/gate/gate.js';
import { upTo } from '../../fixtures/random.js';
import { until } from '../../fixtures/until.js';
import type { Ledger } from '../ledger.js';
import { isBroken, storm } from '../storm.js';
import type { Borrowers } from './borrowers.js';
import { nameOf, type Step, type Target } from './target.js';

export interface Scene {
  readonly target: Target;
  readonly broker: BrokerProcess;
  /** Between callers and the broker. */
  readonly front: Gate;
  readonly ledger: Ledger;
  readonly borrowers: Borrowers;
  readonly random: () => number;
}

/** What a broker is killed in the midst of. */
export interface Blow {
  readonly names: readonly string[];
  /** Resolves when the broker is dead, with what may still be under way to the target. */
  strike(scene: Scene): Promise<readonly Stop[]>;
}

const MINTS = 3;
const MOST_ANSWERS = 60;

const exchanges = ({ borrowers }: Scene, broker: BrokerClient, task: string): Promise<unknown> =>
  Promise.all(Array.from({ length: MINTS }, () => borrowers.borrow(broker, task)));

const reached = (stop: Stop): Promise<unknown> =>
  until(`what is said is ${String(stop.terms.at)}`, () => stop.isReached, { withinMs: 30_000, everyMs: 2 });

/** What was asked meanwhile is answered, or broken off. @throws what went wrong otherwise */
async function killWhile({ broker, ledger }: Scene, asked: Promise<unknown>, stop: Stop): Promise<void> {
  const over = asked.catch((error: unknown) => {
    if (!isBroken(error)) throw error;
    ledger.counts.unanswered++;
  });
  await Promise.race([reached(stop), over.then(() => reached(stop))]);
  await broker.end('SIGKILL');
  await over;
}

/**
 * At a step of a kill, and at one of a mint, at once. The kill gets there first: where the mint has come far, the server
 * has kills wait for it.
 */
const atSteps = (kill: Step, mint: Step): Blow => ({
  names: [nameOf(kill), nameOf(mint)],
  strike: async (scene) => {
    const { target, broker, borrowers } = scene;
    const [ending, beginning] = [await borrowers.open(broker), await borrowers.open(broker)];
    await exchanges(scene, broker, ending);
    await useOne(scene, ending);
    await borrowers.borrow(broker, beginning);
    const atKill = target.gate.stopAt(kill);
    await borrowers.close(broker, ending);
    await reached(atKill);
    const atMint = target.gate.stopAt(mint);
    await killWhile(scene, exchanges(scene, broker, beginning), atMint);
    return [atKill, atMint];
  },
});

/** A kill has sessions to end. */
async function useOne({ ledger, target }: Scene, task: string): Promise<void> {
  const one = ledger.held.find((held) => held.task === task);
  if (one && !(await target.opens(one.tokens[0]!, true)))
    ledger.wrong.push(`${one.lease} was handed out and opens nothing`);
}

type Asking = (scene: Scene, task: string, by: BrokerClient) => Promise<void>;

const answerLost = (name: string, at: RegExp, ask: Asking): Blow => ({
  names: [name],
  strike: async (scene) => {
    const { front, broker, borrowers } = scene;
    const task = await borrowers.open(broker);
    await exchanges(scene, broker, task);
    const stop = front.stopAt({ loss: 'unanswered', at });
    const by = new BrokerClient(`http://127.0.0.1:${front.port}`, broker.workloads);
    await killWhile(scene, ask(scene, task, by), stop);
    front.release();
    return [];
  },
});

/** What no target sees: the broker has done it, and nobody heard. */
export const ANSWERS_LOST: readonly Blow[] = [
  answerLost('activated, and the answer lost', /^POST \/token /, ({ borrowers }, task, by) =>
    borrowers.borrow(by, task),
  ),
  answerLost(
    'task closed, and the answer lost',
    /^POST \/v1\/tasks\/[^ ]+\/complete /,
    ({ borrowers }, task, by) => borrowers.close(by, task),
  ),
];

/** Between any two things that a broker does. */
export const UNDER_LOAD: Blow = {
  names: ['at a random moment under load'],
  strike: async ({ broker, ledger, borrowers, random }) => {
    const killAfter = ledger.counts.answers + 1 + upTo(random, MOST_ANSWERS);
    const isOver = (): boolean => {
      if (ledger.counts.answers < killAfter) return false;
      broker.signal('SIGKILL');
      return true;
    };
    await storm({ ledger, callers: borrowers, broker: () => broker, isOver });
    await broker.ended();
    return [];
  },
};

/** Every step of a kill once, each with another one of a mint; `pass` shifts who meets whom. */
export function paired(steps: readonly Step[], pass = 0): Blow[] {
  const [kills, mints] = (['kill', 'mint'] as const).map((during) =>
    steps.filter((step) => step.during === during),
  ) as [Step[], Step[]];
  return kills.map((kill, index) => atSteps(kill, mints[(index + pass) % mints.length]!));
}
