// What a verifier tells of itself, for logs and alarms: never a credential, a token or a name that it learnt from one.

export type VerifierEventKind =
  /** The whole of what is revoked was read. */
  | 'connected'
  /** After a break, what came meanwhile was read. */
  | 'resumed'
  /** The stream ended; the next attempt follows by itself. `reason` says why. */
  | 'disconnected'
  /** What the stream had said was not borne out by the next heartbeat, or a part was missing: all is read anew. */
  | 'resynchronised'
  /** What is known is older than allowed: credentials are refused, or the broker is asked about each. */
  | 'stale'
  /** It is young enough again. */
  | 'fresh'
  /** The broker's signed time lies behind what it signed before: an old message was shown again, or its clock was set back. */
  | 'time_contradicted'
  /** A key set could not be read; the known keys go on serving. */
  | 'keys_unreachable'
  /** More proofs came than are remembered: no more are taken until the oldest are moot. */
  | 'proofs_full'
  /** `count` calls were never told to the audit log; `reason` is that of the last. */
  | 'reports_lost';

export interface VerifierEvent {
  readonly kind: VerifierEventKind;
  /** By this machine's clock, in milliseconds. */
  readonly at: number;
  readonly reason?: string;
  /** How old what is known of kills was; absent before the first snapshot. */
  readonly stalenessMs?: number;
  readonly count?: number;
}
