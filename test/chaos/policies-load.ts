// Full load on a broker that decides by policies, while they are read again and again, good ones and broken ones.
import { expect } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { until } from '../fixtures/until.js';

const CALLERS = 48;
const TASKS = 40;
const RELOAD_EVERY_MS = 200;
/** Both good ones and a broken one, however slow the machine is. */
const LEAST_RELOADS = 3;
/** Enough that reading them takes longer than many requests. */
const FILLERS = 50;

/** `tool`: the only one that these permit agents to have. */
const only = (tool: string): string => `
@id("tasks") permit (principal is Orchestrator, action, resource);
@id("${tool}") permit (principal is Agent, action, resource == Tool::"${tool}");
${Array.from({ length: FILLERS }, (_, nth) => `forbid (principal == Agent::"cluster/agent-x${nth}", action, resource) when { principal.hasTag("sub") && principal.getTag("sub").contains("${nth}") };`).join('\n')}`;
const BROKEN = 'permit (principal, action, resource) when { context.nothing };';

interface Event {
  readonly action: string;
  readonly outcome: string;
  readonly tool?: string;
  readonly detail: { readonly determining?: readonly string[] };
}

export async function policiesUnderLoad(seconds: number): Promise<void> {
  const broker = await BrokerProcess.prepare({ policies: './policies' });
  try {
    write(broker, only('crm'));
    await broker.start();
    const tools = [
      { tool: 'crm', actions: ['read'] },
      { tool: 'search', actions: ['query'] },
    ];
    for (let nth = 0; nth < TASKS; nth++) await broker.openTask({ id: `run-${nth}`, ttl: '1h', tools });
    const until_ = performance.now() + seconds * 1000;
    let reloads = 0;
    const isOver = (): boolean => performance.now() > until_ && reloads >= LEAST_RELOADS;
    const statuses = new Map<number, number>();
    const calls = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let nth = caller; !isOver(); nth++) {
        const audience = nth % 2 === 0 ? 'crm' : 'search';
        const { status } = await broker.exchange('agent-1', { task_id: `run-${nth % TASKS}`, audience });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    const reloading = reload(broker, isOver, () => reloads++);
    await Promise.all([...calls, reloading]);

    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([200, 400]);
    expect(broker.isRunning).toBe(true);
    const read = await broker.get<{ events: Event[] }>('/v1/audit?limit=200', 'operator');
    const exchanges = read.body.events.filter(({ action }) => action === 'token.exchange');
    expect(exchanges.length).toBeGreaterThan(100);
    for (const { outcome, tool, detail } of exchanges)
      expect(detail.determining).toEqual(outcome === 'permitted' ? [tool] : []);
    expect(broker.log.match(/attribute `nothing`/g)?.length ?? 0).toBeGreaterThan(0);
    const counted = [...statuses].map(([status, count]) => `${count} of ${status}`).join(', ');
    console.log(`${seconds} s, ${reloads} reloads: ${counted}`);
    expect(await broker.end('SIGTERM')).toEqual({ code: 0, signal: null });
  } finally {
    await broker.remove();
  }
}

/** Good, broken, the other good one, broken again; each is read before the next one is written. */
async function reload(broker: BrokerProcess, isOver: () => boolean, wasRead: () => void): Promise<void> {
  for (let nth = 0; !isOver(); nth++) {
    write(broker, nth % 2 === 1 ? BROKEN : only(nth % 4 === 0 ? 'search' : 'crm'));
    const told = readingsOf(broker);
    broker.signal('SIGHUP');
    await until('it has read them', () => readingsOf(broker) > told, { withinMs: 20_000 });
    wasRead();
    await new Promise((resolve) => setTimeout(resolve, RELOAD_EVERY_MS));
  }
}

/** Of other things there are lines too. */
const readingsOf = (broker: BrokerProcess): number =>
  broker.log.match(/the configuration was (?:not )?reloaded/g)?.length ?? 0;

function write(broker: BrokerProcess, text: string): void {
  mkdirSync(join(broker.folder, 'policies'), { recursive: true });
  writeFileSync(join(broker.folder, 'policies', 'load.cedar'), text);
}
