// Making good what the store has lost: a failover, a restored backup and FLUSHALL all forget kills that were told.
import { randomUUID } from 'node:crypto';
import { AuditEntry } from '../../audit/entry.js';
import { requestId } from '../../domain/ids.js';
import type { ConnectionLog } from './connections.js';
import type { DenialMemory } from './denial-memory.js';
import { ALL_SLOTS, HOME_SLOT } from './keys.js';
import type { News } from './news.js';
import { factsOf } from './records.js';
import type { RestoringCall } from './restore.js';
import { restore } from './restore.js';
import type { Slots } from './slots.js';
import type { Tasks } from './tasks.js';
import type { WideTerms } from './wide-kill.js';

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

export interface RecoveryParts {
  readonly slots: Slots;
  readonly news: News;
  readonly tasks: Tasks;
  readonly denials: DenialMemory;
  readonly terms: WideTerms;
  readonly log: ConnectionLog;
}

/**
 * Takes the store into a new epoch, in which every broker finds itself unknown and does the same; writes back every
 * kill, quarantine and denial that this broker knows; and only then lets calls pass again. Each step may be repeated.
 */
export async function recover(parts: RecoveryParts, why: string): Promise<void> {
  const { slots, log, news } = parts;
  log.warn(
    { why },
    'the store may have lost something: nothing is issued until the kills we know are written back',
  );
  // The epoch that this broker worked in: however often this has to be tried, it is left once.
  const left = slots.epoch;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const written = await attemptRecovery(parts, left, why);
      log.warn({ epoch: slots.epoch, kills: written }, 'the kills we know are in the store');
      break;
    } catch (error) {
      if (slots.closed()) throw error;
      log.warn({ err: error }, 'the kills we know could not be written back; once more');
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  // What others wrote back is ours to know, and nobody waits for it.
  news.reread().catch((error: unknown) => log.warn({ err: error }, 'the kills could not be read anew'));
  news.tellAll({ kind: 'gap' });
}

async function attemptRecovery(parts: RecoveryParts, left: string, why: string): Promise<number> {
  const { slots, news, tasks, denials, terms } = parts;
  tasks.forget();
  // The first who leaves the old epoch names the new one; the others find it there.
  const { epoch } = await slots.open(HOME_SLOT, randomUUID(), left);
  slots.epoch = epoch;
  const opened = await Promise.all(ALL_SLOTS.map((slot) => slots.open(slot, epoch, '*')));
  news.restart(opened.map(({ news: told }) => told));

  const call: RestoringCall = (slot, args, lane) => slots.passing('restore-kills', slot, args, lane);
  const { kills, quarantines } = news.union.all();
  await restore(kills, quarantines, terms, call);
  await denials.writeBack(slots);
  const entry = new AuditEntry(requestId(slots.latest), 'store.recover', {
    detail: { why, epoch, kills: kills.length, quarantines: quarantines.length },
  });
  await slots.passing('record-event', HOME_SLOT, [factsOf(entry), '"outcome":"permitted"}'], 'calls');
  return kills.length;
}
