// What may happen to a store, in any order, and how often. Each command does it to the store and to the model.
import * as fc from 'fast-check';
import type { Command } from './command.js';
import { decide, refuse, review, signal } from './contexts.js';
import { lift, quarantine, race, restore, revoke, revokeKey } from './kills.js';
import { abandon, activate, issue, release, renew, reserve } from './leases.js';
import { close, extend, open } from './tasks.js';
import { advance, claimDue, claimEnded, crash, forged, setBack, settle, sweep, takeUp } from './time.js';

/** How often each comes, as against the others. */
const WEIGHTS: readonly [number, fc.Arbitrary<Command>][] = [
  [4, open],
  [8, issue],
  [5, reserve],
  [5, activate],
  [1, abandon],
  [2, renew],
  [2, release],
  [2, close],
  [2, extend],
  [2, revoke],
  [1, revokeKey],
  [1, quarantine],
  [2, lift],
  [2, race],
  [5, decide],
  [2, signal],
  [1, refuse],
  [2, review],
  [2, sweep],
  [3, claimDue],
  [3, claimEnded],
  [5, settle],
  [1, forged],
  [2, takeUp],
  [5, advance],
  [1, setBack],
  [1, restore],
  [2, crash],
];

export const commands = (maxCommands: number) =>
  fc.commands(
    WEIGHTS.flatMap(([weight, one]) => Array.from({ length: weight }, () => one)),
    { maxCommands, size: 'max' },
  );
