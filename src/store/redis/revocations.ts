// Kills in Redis: one slot for a task or a lease, all of them for everything wider.
import type { AuditEntry } from '../../audit/entry.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation } from '../../domain/revocation.js';
import type { Selector } from '../../domain/selector.js';
import { selectorText } from '../../domain/selector.js';
import type { Kill, LeaseCount, Quarantine, RevocationStore } from '../store.js';
import { StoreUnavailable } from '../store.js';
import type { ConnectionLog } from './connections.js';
import { ALL_SLOTS, HOME_SLOT } from './keys.js';
import type { LeaseLists, ListName } from './lease-lists.js';
import type { News } from './news.js';
import type { Reader } from './reader.js';
import type { KillRecord } from './records.js';
import { chanceOf, factsOf, luaJson, revocationFromRecord } from './records.js';
import { restore, slotOfLease } from './restore.js';
import type { Slots } from './slots.js';
import type { Tasks } from './tasks.js';
import type { Intent, Reach, WideTerms } from './wide-kill.js';
import { carryOut, intentOf } from './wide-kill.js';

/** An intent that is older than this belongs to nobody any more. */
const FINISH_AFTER_MS = 5_000;
const QUICK_PAGE = 16;

export interface RevocationParts {
  readonly slots: Slots;
  readonly tasks: Tasks;
  readonly lists: LeaseLists;
  readonly reader: Reader;
  readonly news: News;
  readonly terms: WideTerms;
  readonly log: ConnectionLog;
}

export class Revocations implements RevocationStore {
  readonly #parts: RevocationParts;
  readonly #reach: Reach;
  readonly #readLease: (id: LeaseId) => Promise<Lease | undefined>;

  constructor(parts: RevocationParts, readLease: (id: LeaseId) => Promise<Lease | undefined>) {
    this.#readLease = readLease;
    this.#parts = parts;
    const { slots } = parts;
    this.#reach = {
      in: (name, slot, args) => slots.ask(name, slot, args, 'kills'),
      all: (name, args) => slots.askAll(name, args, 'kills'),
      latest: () => slots.latest,
    };
  }

  async revoke(kill: Kill, entry: AuditEntry): Promise<Revocation> {
    const { kind, name } = kill.select;
    const revocation =
      kind === 'task'
        ? await this.#killTask(kill, name as TaskId, entry)
        : kind === 'lease'
          ? await this.#killLease(kill, name as LeaseId, entry)
          : await this.#killWide(kill, entry);
    entry.markConcluded();
    this.#parts.news.own(revocation);
    return revocation;
  }

  async #killTask({ by, reason }: Kill, id: TaskId, entry: AuditEntry): Promise<Revocation> {
    const closing = { outcome: 'revoked' as const, by, ...(reason !== undefined && { reason }) };
    const closed = await this.#parts.tasks.close(id, closing, entry, 'kill');
    if (closed instanceof Refusal) throw new Error(`a kill was refused: ${closed.reason}`);
    return revocationFromRecord(`task:${id}`, JSON.parse(closed.kill) as KillRecord);
  }

  async #killLease({ by, reason }: Kill, id: LeaseId, entry: AuditEntry): Promise<Revocation> {
    const { slots, terms } = this.#parts;
    const args = [chanceOf(id), id, by, reason ?? '', entry.requestId, factsOf(entry), terms.skewMs, '', ''];
    const [kill] = await slots.ask('end-lease', slotOfLease(id), args, 'kills');
    return revocationFromRecord(`lease:${id}`, JSON.parse(kill as string) as KillRecord);
  }

  async #killWide(kill: Kill, entry: AuditEntry): Promise<Revocation> {
    const { slots, terms, news } = this.#parts;
    const quarantine = kill.quarantine === true && kill.select.kind === 'agent';
    const { select, by, reason } = kill;
    const intent = intentOf({ select, by, quarantine, ...(reason !== undefined && { reason }) }, entry);
    const intended = [intent.id, luaJson(intent).slice(1), selectorText(select), intent.requestId];
    await slots.ask('intend-kill', HOME_SLOT, intended, 'kills');
    const revocation = (await carryOut(intent, this.#reach, terms)) ?? (await this.#concluded(intent));
    if (quarantine) news.quarantined(await this.quarantines());
    return revocation;
  }

  /** A kill that the sweeper of another broker was faster to conclude. */
  async #concluded({ select, requestId }: Intent): Promise<Revocation> {
    const kills = await this.#parts.reader.wideIn(HOME_SLOT);
    const kill = kills.find(
      (one) => one.requestId === requestId && one.kind === select.kind && one.name === select.name,
    );
    if (!kill) throw new StoreUnavailable('the kill is not on record any more: say it again');
    return kill;
  }

  /** Finishes the kills that somebody began and did not conclude. */
  async finish(): Promise<number> {
    const { slots, terms, reader, log, news } = this.#parts;
    let finished = 0;
    for (const [id, text] of await reader.pairs(HOME_SLOT, 'intents')) {
      if (id.includes(':')) continue; // the cut-off of one
      const intent = JSON.parse(text) as Intent & { since: number };
      if (slots.latest - intent.since < FINISH_AFTER_MS) continue;
      log.warn({ select: selectorText(intent.select) }, 'finishing a kill that was interrupted');
      try {
        const kill = await carryOut(intent, this.#reach, terms);
        if (kill) news.own(kill);
        finished++;
      } catch (error) {
        // Whatever keeps this one from being finished keeps nothing else waiting.
        log.warn(
          { err: error, select: selectorText(intent.select) },
          'an interrupted kill is still unfinished',
        );
      }
    }
    return finished;
  }

  async countSelected(select: Selector, killed?: Revocation, withinMs = Infinity): Promise<LeaseCount> {
    const until = performance.now() + withinMs;
    // Of 64 lists at once: the first pages alone must not take longer than there is time.
    const page = withinMs === Infinity ? undefined : QUICK_PAGE;
    const count = { tokens: 0, external: 0 };
    let cut = false;
    const isAlive = (lease: Lease): boolean =>
      killed
        ? lease.issuedAt <= killed.at &&
          lease.expiresAt > killed.at &&
          (lease.ended?.at ?? Infinity) >= killed.at
        : lease.state === 'active' || lease.state === 'reserved';
    const countIn = async ([slot, list, of]: ListIn): Promise<void> => {
      for await (const { lease } of this.#parts.lists.newest(slot, list, of, page)) {
        if ((cut ||= performance.now() > until)) return;
        if (names(select, lease) && isAlive(lease)) count[lease.kind === 'jwt' ? 'tokens' : 'external']++;
      }
    };
    if (select.kind === 'lease') {
      const lease = await this.#readLease(select.name as LeaseId);
      if (lease && isAlive(lease)) count[lease.kind === 'jwt' ? 'tokens' : 'external']++;
    }
    const lists = await this.#listsFor(select);
    for (let at = 0; at < lists.length; at += ALL_SLOTS.length) {
      await Promise.all(lists.slice(at, at + ALL_SLOTS.length).map(countIn));
      if (cut) break;
    }
    return cut ? { ...count, atLeast: true } : count;
  }

  async #listsFor({ kind, name }: Selector): Promise<ListIn[]> {
    const { tasks } = this.#parts;
    switch (kind) {
      case 'task':
        return (await tasks.idsOf(name as TaskId)).map((id) => [tasks.slotOf(id), 'of', id]);
      case 'lease':
        return [];
      case 'agent':
        return ALL_SLOTS.map((slot) => [slot, 'by', name]);
      default:
        return ALL_SLOTS.map((slot) => [slot, 'issued', '']);
    }
  }

  async revocations(): Promise<{ epoch: string; entries: Revocation[] }> {
    const { slots, reader } = this.#parts;
    const now = await reader.now();
    const entries = (await reader.kills()).filter(({ mootAt }) => mootAt > now);
    return { epoch: slots.epoch, entries: entries.toSorted((a, b) => a.at - b.at) };
  }

  async restoreRevocations(entries: readonly Revocation[]): Promise<void> {
    const { slots, terms, news, tasks } = this.#parts;
    const ailment = slots.closed();
    if (ailment) throw ailment;
    await restore(entries, [], terms, (slot, args, lane) => slots.ask('restore-kills', slot, args, lane));
    for (const entry of entries) news.own(entry);
    tasks.forget();
  }

  quarantines(): Promise<Quarantine[]> {
    return this.#parts.reader.quarantines();
  }

  async liftQuarantine(agent: string, entry: AuditEntry): Promise<Quarantine | Refusal> {
    const { slots, news } = this.#parts;
    const known = (await this.quarantines()).find((quarantine) => quarantine.agent === agent);
    // In all slots, whatever the first one says: a lifting that was interrupted is finished, too.
    const others = ALL_SLOTS.filter((slot) => slot !== HOME_SLOT);
    await Promise.all(others.map((slot) => slots.ask('lift-quarantine', slot, [agent, ''], 'kills')));
    const answer = await slots.call('lift-quarantine', HOME_SLOT, [agent, factsOf(entry)], 'kills');
    entry.markConcluded();
    if (answer instanceof Refusal) return answer;
    news.lifted(agent);
    return answer[0] === '' ? known! : (JSON.parse(answer[0] as string) as Quarantine);
  }
}

type ListIn = [slot: number, list: ListName, of: string];

function names({ kind, name }: Selector, lease: Lease): boolean {
  switch (kind) {
    case 'lease':
      return lease.id === name;
    case 'task':
    case 'all':
      return true;
    case 'agent':
      return lease.agent === name || (lease.actors as readonly string[]).includes(name);
    case 'tool':
      return lease.tool === name;
    case 'trust':
      return lease.trust === name;
    case 'key':
      return lease.keyId === name;
  }
}
