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
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command. The message is for a person: one line, and further ones below it where they help. */
export class Failure extends Error {
  readonly exit: ExitCode;
  readonly more: readonly string[];

  constructor(exit: ExitCode, message: string, more: readonly string[] = []) {
    super(message);
    this.name = 'Failure';
    this.exit = exit;
    this.more = more;
  }
}

export const usage = (message: string): Failure => new Failure(EXIT.usage, message);
