// What a verifier is told of its broker and its tools, and what one call asks of a credential.
import type { CallerOptions } from '../client/caller.js';
import type { TokenSource } from '../client/token-source.js';
import type { VerifierEvent } from './events.js';

/** A tool that this verifier stands before: its entry in the broker's catalogue. */
export interface ProtectedTool {
  /** The URI that its credentials are for. */
  readonly audience: string;
  readonly plane: 'tool' | 'data' | 'cloud';
  /**
   * Where callers find it, with the path that it is under if there is one: what a proof (RFC 9449) is for is compared with
   * this, never with the Host header. Otherwise the audience.
   */
  readonly baseUrl?: string;
  /** Its protected-resource metadata (RFC 9728), named in refusals. */
  readonly resourceMetadata?: string;
}

export interface VerifierOptions {
  /** The broker, with the path that it is under if there is one. https, unless it is on this machine. */
  readonly broker: string;
  /** What the broker calls itself, where that is another URL than the one it is reached by. */
  readonly issuer?: string;
  /** This verifier's own workload token, asked anew at each call: its trust gives it the role `verifier`. */
  readonly token: TokenSource;
  /** The key that the workload token is bound to, if it is. */
  readonly dpop?: NonNullable<CallerOptions['dpop']>;
  /** By their names in the catalogue. */
  readonly tools: Readonly<Record<string, ProtectedTool>>;
  /** How old what is known of kills may be: 5,000 ms. */
  readonly maxStalenessMs?: number;
  /** When it is older: refuse, or ask the broker about each credential. `refuse`. */
  readonly whenStale?: 'refuse' | 'introspect';
  /** Whether calls are told to the broker's audit log: they are, in the background. */
  readonly reportCalls?: boolean;
  /** Told of what happens to the feed and the reports: never of a secret. What it throws is passed over. */
  readonly onEvent?: (event: VerifierEvent) => void;
  /** How many credentials are remembered as checked: 10,000. */
  readonly mostRemembered?: number;
  readonly fetch?: typeof fetch;
  /** Sends tokens over http to another machine. */
  readonly dangerouslyPlainHttp?: boolean;
}

/** The request that the credential came with, for the proof of a key. */
export interface ShownRequest {
  readonly method: string;
  /** Its address as callers know it; by the Host header it would be whatever the caller says. */
  readonly url: string;
  /** Every `DPoP` header of it. */
  readonly proofs: readonly string[];
  /** By which `Authorization` scheme the credential was shown. */
  readonly scheme?: 'Bearer' | 'DPoP';
}

/** What one call wants to do. */
export interface Want {
  readonly tool: string;
  /** Null: nothing yet. Then `permits` is asked before anything is done. */
  readonly action: string | null;
  /** What it is done to, in the words of the tool's resources. */
  readonly resource?: string;
  readonly request?: ShownRequest;
  /** Goes into the report of this call: small, and no secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}
