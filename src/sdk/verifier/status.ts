// How a verifier stands, for a health page.

export interface VerifierStatus {
  /** A first proven snapshot was read. */
  readonly ready: boolean;
  readonly connected: boolean;
  /** Young enough to accept anything by. */
  readonly fresh: boolean;
  /** Infinity before the first snapshot. */
  readonly stalenessMs: number;
  /** How many kills are in force. */
  readonly kills: number;
  readonly remembered: number;
  readonly reports: { readonly waiting: number; readonly lost: number };
}
