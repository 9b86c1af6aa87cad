// What may stand behind the commands of `mayfly policy`.
import type { BrokerOptions } from '../broker-command.js';

/** Which policies, and by which catalogue. */
export interface PolicyOptions {
  readonly config?: string;
  readonly policies?: string;
  readonly json?: true;
}

export interface CheckOptions extends PolicyOptions {
  readonly strict?: true;
}

export interface ExplainOptions extends PolicyOptions, BrokerOptions {
  readonly case?: string;
  readonly request?: string;
}

export interface ReplayOptions extends PolicyOptions, BrokerOptions {
  readonly since: string;
}
