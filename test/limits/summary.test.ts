// What is written down of floods: little, complete, and nothing twice.
import { describe, expect, test } from '@jest/globals';
import type { AuditEntry } from '../../src/audit/entry.js';
import type { AuditConclusion } from '../../src/audit/event.js';
import type { PrincipalName } from '../../src/domain/ids.js';
import { requestId } from '../../src/domain/ids.js';
import type { LimitedRequest } from '../../src/limits/summary.js';
import { Summary } from '../../src/limits/summary.js';
import { SettableClock } from '../contract/store/harness.js';

interface Written {
  readonly count: number;
  readonly limit: string;
  readonly from: number;
  readonly until: number;
  readonly reasons: Record<string, number>;
  readonly address?: string;
  readonly others?: number;
}

class Page {
  readonly clock = new SettableClock();
  readonly entries: AuditEntry[] = [];
  readonly conclusions: AuditConclusion[] = [];
  readonly logged: object[] = [];
  isDown = false;
  /** Happens while it is written, once. */
  meanwhile: (() => void) | undefined;
  readonly summary = new Summary({
    store: {
      record: (entry, conclusion) => {
        const { meanwhile } = this;
        this.meanwhile = undefined;
        meanwhile?.();
        if (this.isDown) return Promise.reject(new Error('the disk is full'));
        this.entries.push(entry);
        this.conclusions.push(conclusion);
        return Promise.resolve();
      },
    },
    clock: this.clock,
    log: {
      warn: (facts) => void this.logged.push(facts),
      error: (facts) => void this.logged.push(facts),
    },
    everyMs: 3_600_000,
  });

  refuse(times: number, more: Partial<LimitedRequest> = {}): void {
    for (let n = 0; n < times; n++)
      this.summary.count({
        limit: 'refusals_per_address',
        reason: 'signature_invalid',
        address: '192.0.2.1',
        requestId: requestId(),
        ...more,
      });
  }

  get written(): Written[] {
    return this.entries.map(({ facts }) => facts.detail as unknown as Written);
  }
}

describe('a summary', () => {
  test('tells who, which limit, how many, why, and from when until when', async () => {
    const page = new Page();
    const from = page.clock.now();
    const first = requestId();
    page.refuse(1, { requestId: first, reason: 'rate_limited' });
    page.clock.advance(5000);
    page.refuse(3);
    await page.summary.write();
    expect(page.written).toEqual([
      {
        limit: 'refusals_per_address',
        count: 4,
        from,
        until: from + 5000,
        reasons: { rate_limited: 1, signature_invalid: 3 },
        address: '192.0.2.1',
      },
    ]);
    expect(page.entries[0]!.facts).toMatchObject({ action: 'request.limited', requestId: first });
    expect(page.conclusions).toEqual([{ outcome: 'refused', reason: 'signature_invalid' }]);
  });

  test('tells of a principal by its name, in the facts that the log is searched by', async () => {
    const page = new Page();
    const principal = 'cluster/agent-1' as PrincipalName;
    page.refuse(2, { principal, address: '192.0.2.1' });
    page.refuse(2, { principal, address: '192.0.2.2' });
    await page.summary.write();
    expect(page.entries.map(({ facts }) => [facts.principal, facts.detail['count']])).toEqual([
      [principal, 4],
    ]);
  });

  test('begins anew once it is written, and writes nothing where there is nothing', async () => {
    const page = new Page();
    page.refuse(2);
    await page.summary.write();
    await page.summary.write();
    page.refuse(1);
    await page.summary.write();
    expect(page.written.map(({ count }) => count)).toEqual([2, 1]);
  });

  test('of a flood from 100,000 addresses is a dozen events and one line of the log, and leaves nobody out', async () => {
    const page = new Page();
    for (let n = 0; n < 100_000; n++)
      page.refuse(1, { address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` });
    page.refuse(50, { address: '10.0.0.7' });
    page.refuse(7, { limit: 'recorded_refusals', address: '198.51.100.1' });
    await page.summary.write();
    expect(page.entries.length).toBeLessThanOrEqual(14);
    expect(page.logged).toHaveLength(1);
    const total = page.written.reduce((sum, { count }) => sum + count, 0);
    expect(total).toBe(100_057);
    expect(page.written[0]).toMatchObject({ address: '10.0.0.7', count: 51 });
    const others = page.written.filter(({ others: names }) => names !== undefined);
    expect(others.every((one) => !('address' in one))).toBe(true);
  });

  test('keeps what it could not write, and writes it with what comes later', async () => {
    const page = new Page();
    page.isDown = true;
    page.refuse(5);
    const from = page.clock.now();
    await page.summary.write();
    page.clock.advance(10_000);
    page.refuse(2);
    await page.summary.write();
    expect(page.written).toEqual([]);
    page.isDown = false;
    await page.summary.write();
    expect(page.written).toMatchObject([{ count: 7, from, until: from + 10_000 }]);
    await page.summary.write();
    expect(page.written).toHaveLength(1);
  });

  test('keeps no more the longer the store is down', async () => {
    const page = new Page();
    page.isDown = true;
    for (let round = 0; round < 20; round++) {
      // The flood goes on while the store is asked.
      page.meanwhile = () => {
        for (let n = 0; n < 5000; n++) page.refuse(1, { address: `${round}-${n}` });
      };
      if (round === 0) page.refuse(1);
      await page.summary.write();
    }
    page.isDown = false;
    page.logged.length = 0;
    await page.summary.write();
    // As many accounts as fit, and one for each limit where they did not.
    expect(page.logged).toMatchObject([{ requests: 100_001, names: expect.any(Number) }]);
    expect((page.logged[0] as { names: number }).names).toBeLessThanOrEqual(1010);
    expect(page.entries.length).toBeLessThanOrEqual(12);
    expect(page.written.reduce((sum, { count }) => sum + count, 0)).toBe(100_001);
  });
});
