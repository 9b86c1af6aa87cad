// A target of external credentials, as the campaign of kills sees it: what can be asked of it, and where the way to it can be cut.
import type { LeaseId } from '../../../src/domain/ids.js';
import type { Loss, StopTerms } from '../../fixtures/gate/gate.js';
import { LOSSES } from '../../fixtures/gate/gate.js';
import type { Gate } from '../../fixtures/gate/gate.js';

/** Something that a broker says to a target in the course of a mint or a kill. */
export interface Said extends Omit<StopTerms, 'loss'> {
  readonly during: 'mint' | 'kill';
  readonly name: string;
}

/** One point at which a broker is killed, for certain. */
export interface Step extends Said, StopTerms {}

export interface Target {
  /** The one tool, as its member of the configuration, whose action is `read`. */
  readonly tool: object;
  /** Between brokers and the target. */
  readonly gate: Gate;
  readonly sayings: readonly Said[];
  /** Whose credential can be used at the target, asked there; `thoroughly`: also of those that could not be used before. */
  alive(thoroughly: boolean): Promise<ReadonlySet<LeaseId>>;
  /** What is left there of those that cannot be used any more, in words. */
  remains(): Promise<readonly string[]>;
  /** Whether what an agent was handed opens anything. Where there are sessions, that one `stays`, to be ended by a kill. */
  opens(credential: string, stays?: boolean): Promise<boolean>;
  close(): Promise<void>;
}

export const stepsOf = ({ sayings }: Target, losses: readonly Loss[] = LOSSES): Step[] =>
  sayings.flatMap((said) => losses.map((loss) => ({ ...said, loss })));

export const nameOf = ({ during, name, loss }: Step): string => `${during}: ${name}, ${loss}`;
