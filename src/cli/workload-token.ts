// The workload token that a command proves itself with: an option goes before the environment, and there a file before a value.
import type { CliEnvironment } from '../config/environment.js';
import type { TokenSource } from '../sdk/client/index.js';
import { EXIT, Failure } from './failure.js';

/** Which variable it is in, is settled here. */
export type WorkloadToken = Exclude<TokenSource, { readonly env: string }>;

export function tokenSource(option: string | undefined, { tokenFile, token }: CliEnvironment): WorkloadToken {
  const file = option ?? tokenFile;
  // Read at each request: platforms replace the files of workload tokens while we run.
  if (file !== undefined) return { file };
  if (token !== undefined) return () => token.reveal();
  return () => {
    throw new Failure(
      EXIT.denied,
      'there is no workload token: give --token-file, or set MAYFLY_TOKEN_FILE or MAYFLY_TOKEN',
    );
  };
}
