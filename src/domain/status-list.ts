// Status lists (Token Status List, draft-ietf-oauth-status-list): a bit for each credential that says whether it is dead.

/**
 * Enough credentials to hide among, few enough that a list is made in one go: a kilobyte before it is packed. Fixed for
 * ever, since the index of a credential is counted by it.
 */
export const ENTRIES_PER_LIST = 8192;

/** Where a credential stands. Never given twice. */
export interface StatusEntry {
  readonly list: string;
  readonly index: number;
}

/** `sub` of a list, and what credentials name it by. */
export const statusListUri = (issuer: string, list: string): string => `${issuer}/status-lists/${list}`;

/** A list at one moment. What is not alive is dead for good, and what was not given counts as dead. */
export interface StatusBits {
  /** How many of its entries have been given, from the first on. */
  readonly given: number;
  /** The indexes of those that are alive. */
  readonly live: readonly number[];
}

/** Nothing that is said about it can change any more. */
export const isFinal = ({ given, live }: StatusBits): boolean =>
  given >= ENTRIES_PER_LIST && live.length === 0;

/** One bit each, from the least significant bit of the first byte on (§4.1): 0 valid, 1 invalid. Fails closed. */
export function statusBytes({ live }: Pick<StatusBits, 'live'>): Uint8Array {
  const bytes = new Uint8Array(ENTRIES_PER_LIST / 8).fill(0xff);
  for (const index of live) bytes[index >> 3]! &= ~(1 << (index & 7));
  return bytes;
}
