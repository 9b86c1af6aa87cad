// What limits refused, written down in summary: a flood must fill neither the disk nor the log.
import { AuditEntry } from '../audit/entry.js';
import type { Clock } from '../domain/clock.js';
import type { PrincipalName, RequestId } from '../domain/ids.js';
import type { RefusalReason } from '../domain/refusal.js';
import type { AuditStore } from '../store/store.js';
import type { LimitName } from './settings.js';

export interface LimitedRequest {
  readonly limit: LimitName;
  readonly requestId: RequestId;
  /** Absent where it was let through with less than it asked for. */
  readonly reason?: RefusalReason;
  /** Whoever is known of it: the principal, or else the address. */
  readonly principal?: PrincipalName;
  readonly address: string;
}

interface Line {
  readonly first: LimitedRequest;
  count: number;
  readonly reasons: Map<RefusalReason, number>;
  readonly from: number;
  until: number;
}

/** For so many an account of their own is kept between two writings; the others are counted together. */
const MOST_KEPT = 1000;
/** So many have an event of their own, those with the most; a flood from everywhere costs no more than that. */
const MOST_NAMED = 10;

export interface SummaryLog {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface SummaryOptions {
  readonly store: Pick<AuditStore, 'record'>;
  readonly clock: Clock;
  readonly log: SummaryLog;
  everyMs: number;
}

/**
 * One event `request.limited` for each principal, or address, and limit, with how many, from when until when, and why.
 * Under the request id of the first of them, so that whoever was refused first is found by it. What cannot be written
 * is kept, and written with what comes later.
 */
export class Summary {
  readonly #options: SummaryOptions;
  #lines = new Map<string, Line>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SummaryOptions) {
    this.#options = options;
  }

  set everyMs(everyMs: number) {
    this.#options.everyMs = everyMs;
  }

  count(request: LimitedRequest): void {
    const now = this.#options.clock.now();
    const of = `${request.limit} ${request.principal ?? request.address}`;
    const known = this.#lines.has(of) || this.#lines.size < MOST_KEPT;
    const line = this.#line(known ? of : request.limit, request, now);
    line.count++;
    line.until = now;
    if (request.reason !== undefined)
      line.reasons.set(request.reason, (line.reasons.get(request.reason) ?? 0) + 1);
    this.#timer ??= setTimeout(() => void this.write(), this.#options.everyMs).unref();
  }

  /** Writes down what has been counted so far. Never rejects. */
  write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return (this.#writing = this.#writing.then(() => this.#write()));
  }

  async #write(): Promise<void> {
    const lines = this.#lines;
    if (lines.size === 0) return;
    this.#lines = new Map();
    const named = [...lines].toSorted(([, a], [, b]) => b.count - a.count).slice(0, MOST_NAMED);
    const others = new Map<LimitName, Line[]>();
    for (const [of, line] of lines) {
      const { limit } = line.first;
      if (named.some(([name]) => name === of && name !== limit)) continue;
      others.set(limit, [...(others.get(limit) ?? []), line]);
    }
    const { log, store } = this.#options;
    let total = 0;
    try {
      for (const line of lines.values()) total += line.count;
      log.warn({ requests: total, names: lines.size }, 'requests met a limit');
      for (const [of, line] of named) {
        if (of === line.first.limit) continue;
        await store.record(entryOf(line), conclusionOf(line));
        lines.delete(of);
      }
      for (const [limit, merged] of others) {
        const line = together(merged);
        await store.record(entryOf(line, merged.length), conclusionOf(line));
        for (const [of, { first }] of lines) if (first.limit === limit) lines.delete(of);
      }
    } catch (error) {
      log.error({ err: error }, 'what limits refused could not be recorded; it will be tried again');
      for (const [of, line] of lines) this.#keep(of, line);
    }
  }

  #line(of: string, first: LimitedRequest, now: number): Line {
    let line = this.#lines.get(of);
    if (!line) this.#lines.set(of, (line = { first, count: 0, reasons: new Map(), from: now, until: now }));
    return line;
  }

  /** Back among what is to be written, which came to be as much as may be kept meanwhile. */
  #keep(of: string, line: Line): void {
    const known = this.#lines.has(of) || this.#lines.size < MOST_KEPT;
    const name = known ? of : line.first.limit;
    const newer = this.#lines.get(name);
    this.#lines.set(name, newer ? together([line, newer]) : line);
    this.#timer ??= setTimeout(() => void this.write(), this.#options.everyMs).unref();
  }
}

function together(lines: readonly Line[]): Line {
  const reasons = new Map<RefusalReason, number>();
  let count = 0;
  for (const line of lines) {
    count += line.count;
    for (const [reason, times] of line.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + times);
  }
  return {
    first: lines[0]!.first,
    count,
    reasons,
    from: Math.min(...lines.map(({ from }) => from)),
    until: Math.max(...lines.map(({ until }) => until)),
  };
}

/** `others`: it stands for so many names at least, and is nobody's in particular. */
function entryOf({ first, count, reasons, from, until }: Line, others?: number): AuditEntry {
  const { limit, requestId, principal, address } = first;
  const whose = others !== undefined ? { others } : address === '' ? {} : { address };
  const detail = { limit, count, from, until, reasons: Object.fromEntries(reasons), ...whose };
  const known = others === undefined && principal !== undefined ? { principal } : {};
  return new AuditEntry(requestId, 'request.limited', { ...known, detail });
}

/** The reason most of them had. */
function conclusionOf({ reasons }: Line): Parameters<AuditStore['record']>[1] {
  const [most] = [...reasons].toSorted(([, a], [, b]) => b - a);
  return most ? { outcome: 'refused', reason: most[0] } : { outcome: 'permitted' };
}
