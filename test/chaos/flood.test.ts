// Floods, in their quick form: under each attack honest callers get credentials, kills are done, and memory stays bounded.
// How fast is for `npm run bench -- flood` to say: here machines are busy, and bounds are coarse.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AttackKind } from '../../bench/parts/attacks.js';
import { ATTACKS, attack } from '../../bench/parts/attacks.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { until } from '../fixtures/until.js';

/** For as long as it takes to do so much honest work beside it. */
const CREDENTIALS = 40;
const KILLS = 5;
const DONE_WITHIN_MS = 20_000;
const KILLED_WITHIN_MS = 5000;
const MOST_BYTES = 400 * 1024 * 1024;
const LIMIT_MS = 60_000;
const ATTACKERS_AT = ['127.66.0.1', '127.66.0.2', '127.66.0.3', '127.66.0.4'];

let broker: BrokerProcess;
beforeAll(async () => {
  // Fewer than the attackers want: whoever honest comes must be made room for.
  broker = await BrokerProcess.prepare({
    log_level: 'warn',
    http: { max_connections: 150, max_connections_per_address: 100, headers_timeout: '2s' },
  });
  await broker.start();
}, LIMIT_MS);
afterAll(() => broker.remove());

function residentBytes(): number {
  if (process.platform !== 'linux') return 0;
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** A connection that was idle may be closed for another: whoever meets that, comes again. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  return until('it is answered', () => call().catch(() => undefined), { withinMs: DONE_WITHIN_MS });
}

test.each<[string, readonly AttackKind[]]>([
  ['headers that never end', ['loris']],
  ['connections that say nothing', ['idle']],
  ['bodies of a gigabyte, declared', ['declared']],
  ['bodies of a gigabyte, in chunks', ['chunked']],
  ['headers without number', ['headers']],
  ['garbage for tokens', ['garbage']],
  ['all of that at once', ATTACKS],
])(
  '%s take from honest callers neither their credentials nor their kills',
  async (what, kinds) => {
    const name = what.replaceAll(/\W+/g, '-');
    const tasks = Array.from({ length: KILLS }, (_, index) => `${name}-${index}`);
    for (const id of tasks) expect((await again(() => broker.openTask({ id }))).status).toBe(201);
    const tokens = [broker.workloads.token('agent-1'), broker.workloads.token('agent-2')];
    const terms = { url: broker.url, addresses: ATTACKERS_AT, connections: 300, tokens };
    const attacks = kinds.map((kind) => attack(kind, terms));
    try {
      await until('it has begun', () => attacks.every(({ opened }) => opened > 0));
      const killedMs: number[] = [];
      let most = 0;
      for (const id of tasks) {
        for (let count = 0; count < CREDENTIALS / KILLS; count++) {
          const { status } = await again(() =>
            broker.exchange(`agent-${count}`, { task_id: id, audience: 'crm' }),
          );
          expect(status).toBe(200);
        }
        const began = performance.now();
        expect((await again(() => broker.kill({ task: id }))).status).toBe(202);
        killedMs.push(performance.now() - began);
        most = Math.max(most, residentBytes());
      }
      expect(Math.max(...killedMs)).toBeLessThan(KILLED_WITHIN_MS);
      expect(most).toBeLessThan(MOST_BYTES);
      expect(broker.isRunning).toBe(true);
    } finally {
      for (const one of attacks) one.stop();
    }
    const { status } = await again(() => broker.exchange('agent-1', { task_id: tasks[0]!, audience: 'crm' }));
    expect(status).toBe(400);
  },
  LIMIT_MS,
);
