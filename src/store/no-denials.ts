// In the place of denials where a store keeps none yet: nothing is given, and nothing is believed to be on record.
import type { DenyStore } from './deny-store.js';
import { StoreUnavailable } from './store.js';

const refuse = (): Promise<never> => Promise.reject(new StoreUnavailable('this store keeps no denials yet'));

export const NO_DENIALS: DenyStore = {
  seat: refuse,
  seatOf: refuse,
  unseat: refuse,
  add: refuse,
  claim: refuse,
  read: refuse,
  raise: refuse,
  release: refuse,
};
