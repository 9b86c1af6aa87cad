// Checks credentials in memory, and knows within milliseconds which of them are dead.
import type { VerifiedCredential } from './credential.js';
import type { ProtectedTool, VerifierOptions, Want } from './options.js';
import type { VerifierStatus } from './status.js';
import type { Watch } from './watches.js';

/**
 * Stands before tools: follows the broker's feed of kills, and checks each credential against it without a call.
 *
 * @example
 * await using verifier = new Verifier({ broker, token: { file: '/token' }, tools: { crm: { audience, plane: 'data' } } });
 * const credential = await verifier.verify(token, { tool: 'crm', action: 'read' });
 */
export class Verifier implements AsyncDisposable {
  /** What the broker calls itself: `iss` of its credentials. */
  readonly issuer: string;
  /** What it stands before, by names in the catalogue. */
  readonly tools: Readonly<Record<string, ProtectedTool>>;

  /** @throws MayflyError `ERR_USAGE` */
  constructor(options: VerifierOptions) {
    this.issuer = options.issuer ?? options.broker;
    this.tools = options.tools;
  }

  /** Resolves with the first proven snapshot. @throws MayflyError `ERR_TIMEOUT` */
  ready(_bounds?: { readonly timeoutMs?: number }): Promise<void> {
    throw new Error('not yet');
  }

  /** @throws CredentialRefused; MayflyError `ERR_USAGE` for a tool that it was not told of */
  verify(_token: string | undefined, _want: Want): Promise<VerifiedCredential> {
    throw new Error('not yet');
  }

  /** For what outlives a call, a session or a stream: aborts when the credential dies. */
  watch(_credential: VerifiedCredential): Watch {
    throw new Error('not yet');
  }

  get stalenessMs(): number {
    throw new Error('not yet');
  }

  get status(): VerifierStatus {
    throw new Error('not yet');
  }

  close(): Promise<void> {
    throw new Error('not yet');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
