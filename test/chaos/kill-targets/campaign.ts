// kill -9 at every step of a mint and of a kill, many times over: what is left alive at the target has a live lease.
import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { AuditEvent } from '../../../src/audit/event.js';
import { CRM, SEARCH } from '../../fixtures/broker-configuration.js';
import { BrokerProcess } from '../../fixtures/broker-process.js';
import { Gate, type Stop } from '../../fixtures/gate/gate.js';
import { HTTP } from '../../fixtures/gate/messages.js';
import { randomFrom } from '../../fixtures/random.js';
import type { RedisDeployment } from '../../fixtures/redis/deployment.js';
import { Ledger } from '../ledger.js';
import { embeddedRecord, issuedAfterEnd, redisRecord, unrecorded } from '../record.js';
import type { Blow, Scene } from './blow.js';
import { Borrowers } from './borrowers.js';
import type { Target } from './target.js';
import { clean, examine, leasesOf, nothingBeyondRecord } from './verdict.js';

/** When what is late may arrive. */
const ARRIVALS = 3;
/** Told of the broker's log where something went wrong. */
const LAST_LINES = 20;

export interface CampaignTerms {
  readonly open: () => Promise<Target>;
  readonly blows: (target: Target) => readonly Blow[];
  /** Kills after which it is waited until all is clean, and counted. */
  readonly perRound: number;
  /** In place of a store of the broker's own. */
  readonly redis?: () => Promise<RedisDeployment>;
}

interface Stage extends Scene {
  readonly events: () => Promise<AuditEvent[]>;
  readonly seed: number;
}

/** @throws what went wrong, with the last that the broker wrote before it */
export async function killAtTarget({ open, blows, perRound, redis: start }: CampaignTerms): Promise<void> {
  const [target, redis] = [await open(), await start?.()];
  const broker = await BrokerProcess.prepare(
    {
      log_level: 'warn',
      tools: { crm: CRM, search: SEARCH, target: target.tool },
      ...(redis && { store: redis.storeTerms() }),
    },
    undefined,
    undefined,
    { env: { MAYFLY_SEAL_KEY: randomBytes(32).toString('base64') } },
  );
  const front = await Gate.open({ port: Number(new URL(broker.url).port), protocol: HTTP });
  const seed = Date.now() >>> 0;
  const random = randomFrom(seed);
  const ledger = new Ledger({ mayBeUnavailable: true });
  const borrowers = new Borrowers(ledger, random);
  const events = (): Promise<AuditEvent[]> =>
    redis ? redisRecord(redis) : embeddedRecord(join(broker.folder, 'mayfly.db'));
  try {
    const stage = { target, broker, front, ledger, borrowers, random, events, seed };
    await campaign(stage, blows(target), perRound);
  } catch (error) {
    console.log(broker.log.split('\n').slice(-LAST_LINES).join('\n'));
    throw error;
  } finally {
    await front.close();
    await broker.remove();
    await Promise.all([target.close(), redis?.close()]);
  }
}

async function campaign(stage: Stage, blows: readonly Blow[], perRound: number): Promise<void> {
  const { broker, ledger, borrowers } = stage;
  const figures = new Figures();
  let examined = 0;
  await broker.start();
  for (const [index, blow] of blows.entries()) {
    await strikeAndRestart(stage, blow, index, figures);
    if ((index + 1) % perRound !== 0 && index + 1 !== blows.length) continue;
    figures.cleanMs.push(await clean(broker));
    figures.alive.push(await examine(stage, examined));
    examined = ledger.held.length;
    expect(ledger.wrong).toEqual([]);
    for (const task of openTasks(ledger)) await borrowers.close(broker, task);
  }
  await clean(broker);
  expect(await examine(stage, 0)).toBe(0);
  // Or nobody has seen that what lives is left alone.
  expect(Math.max(...figures.alive)).toBeGreaterThan(0);
  console.log(figures.told(ledger, await leasesOf(broker), stage.seed));
  expect(ledger.wrong).toEqual([]);
  expect(await broker.end('SIGTERM')).toEqual({ code: 0, signal: null });
  const events = await stage.events();
  expect(unrecorded(events, ledger.acknowledgements)).toEqual([]);
  expect(issuedAfterEnd(events).after).toEqual([]);
}

async function strikeAndRestart(scene: Scene, blow: Blow, index: number, figures: Figures): Promise<void> {
  const { target, broker, ledger, borrowers } = scene;
  const before = ledger.opened.size;
  const struck = await blow.strike(scene).catch((error: unknown) => {
    throw new Error(`${blow.names.join(' and ')}: ${String(error)}`, { cause: error });
  });
  figures.count(blow);
  // What is late comes before the next broker is there, when it is, or when it has been told to kill it.
  const arrives = index % ARRIVALS;
  if (arrives === 0) await arrive(struck);
  figures.readyMs.push(await broker.start());
  if (arrives === 1) await arrive(struck);
  // Some are ended by their task while the mint may still be under way, others live until it has been counted.
  const tasks = [...ledger.opened.keys()].slice(before);
  if (arrives === 2 || index % 2 === 0) for (const task of tasks) await borrowers.close(broker, task);
  if (arrives === 2) await arrive(struck);
  target.gate.release();
  await nothingBeyondRecord(target, broker, ledger);
  expect(ledger.wrong).toEqual([]);
}

const arrive = (struck: readonly Stop[]): Promise<unknown> =>
  Promise.all(struck.map((stop) => stop.deliver()));

const openTasks = ({ opened }: Ledger): string[] =>
  [...opened].filter(([, { closed }]) => !closed).map(([id]) => id);

class Figures {
  readonly readyMs: number[] = [];
  readonly cleanMs: number[] = [];
  /** With a live lease, when it was counted. */
  readonly alive: number[] = [];
  readonly #began = performance.now();
  #blows = 0;
  readonly #steps = new Map<string, number>();

  count({ names }: Blow): void {
    this.#blows++;
    for (const name of names) this.#steps.set(name, (this.#steps.get(name) ?? 0) + 1);
  }

  told(ledger: Ledger, leases: number, seed: number): string {
    const seconds = (performance.now() - this.#began) / 1000;
    return [
      `${this.#blows} kills in ${seconds.toFixed(0)} s; ${leases} leases on record; ${ledger.summary()}`,
      `ready after ${spread(this.readyMs)}, clean after ${spread(this.cleanMs)}; seed ${seed}`,
      `alive with a live lease when counted: ${this.alive.join(', ')}; without one: ${ledger.wrong.length}`,
      ...[...this.#steps].map(([step, count]) => `${count} × ${step}`),
    ].join('\n');
  }
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${sorted[Math.floor(sorted.length / 2)]!.toFixed(0)} ms (median), ${sorted.at(-1)!.toFixed(0)} ms (longest)`;
}
