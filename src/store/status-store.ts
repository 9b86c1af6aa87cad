// The part of the store port that keeps status lists: which there are, and which of their credentials are alive.
import type { StatusBits } from '../domain/status-list.js';

export interface StatusStore {
  /** The lists that have a credential on record; none where none was ever asked to be listed. */
  statusLists(): Promise<string[]>;
  /**
   * Which credentials of the list are alive now, or undefined where there is no such list. With what was answered
   * before, only what was alive then or has come since is looked at: dead is for good.
   */
  statusList(id: string, before?: StatusBits): Promise<StatusBits | undefined>;
}
