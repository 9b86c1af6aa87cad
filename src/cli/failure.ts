// How a command ends when it does not do what it was asked: what is said, and the exit code that scripts go by.

/** docs/cli.md explains them. From 64 on they are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** The broker refused or could not do it, or you said no. */
  refused: 1,
  usage: 2,
  notFound: 3,
  /** Not authenticated, or not allowed. */
  denied: 4,
  unavailable: 69,
  /** A fault of ours. */
  software: 70,
  configuration: 78,
  /** `mayfly exec`, as env(1) and timeout(1) have it: no credential to run the command with; it cannot be run; found. */
  notStarted: 125,
  commandNotRun: 126,
  commandNotFound: 127,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What programs are told, beside the message for people. */
export type FailureFacts = Readonly<Record<string, unknown>>;

/** Ends a command. The message is for a person: one line, and further ones below it where they help. */
export class Failure extends Error {
  readonly exit: ExitCode;
  readonly more: readonly string[];
  readonly facts: FailureFacts;

  constructor(exit: ExitCode, message: string, more: readonly string[] = [], facts: FailureFacts = {}) {
    super(message);
    this.name = 'Failure';
    this.exit = exit;
    this.more = more;
    this.facts = facts;
  }
}

/** Ends us as the command has ended that we ran: whatever there was to say, it has said. */
export class CommandEnded extends Error {
  readonly exit: number;

  constructor(exit: number) {
    super(`the command ended with ${exit}`);
    this.name = 'CommandEnded';
    this.exit = exit;
  }
}

export const usage = (message: string): Failure => new Failure(EXIT.usage, message);

const CODES: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'ok',
  [EXIT.refused]: 'refused',
  [EXIT.usage]: 'usage',
  [EXIT.notFound]: 'not_found',
  [EXIT.denied]: 'denied',
  [EXIT.unavailable]: 'unavailable',
  [EXIT.software]: 'fault',
  [EXIT.configuration]: 'configuration',
  [EXIT.notStarted]: 'not_started',
  [EXIT.commandNotRun]: 'command_not_run',
  [EXIT.commandNotFound]: 'command_not_found',
};

/** The one document that `--json` writes to standard error where a command fails. */
export const failureJson = (exit: ExitCode, message: string, facts: FailureFacts = {}): string =>
  JSON.stringify({ error: { code: CODES[exit], exit, message, ...facts } });
