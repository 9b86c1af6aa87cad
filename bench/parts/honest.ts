// Honest callers beside an attack: agents who get credentials all the time, and an operator who ends a task now and then.
import { tokenFor } from './broker.js';
import { Connection } from './connection.js';
import type { Requests } from './issuance.js';
import { jsonRequest } from './request.js';
import { quantile } from './statistics.js';

export interface Honest {
  readonly issuedPerSecond: number;
  /** Requests that came to nothing: the connection was closed, or another answer than a credential came. */
  readonly failed: number;
  /** By the listener of their own, and by that of everybody. */
  readonly kills: Kills;
  readonly commonKills: Kills;
}

export interface Kills {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly failed: number;
}

export interface HonestTerms {
  readonly url: string;
  /** The listener for operations. */
  readonly operationsUrl: string;
  readonly seconds: number;
  readonly requests: Requests;
  /** Where agents call from, and where the operator does. */
  readonly agentAddress: string;
  readonly operatorAddress: string;
  /** Tasks that are open, to be killed one by one. */
  readonly tasks: readonly string[];
}

const AGENT_CONNECTIONS = 16;
export const KILL_EVERY_MS = 200;
/** A kill that takes longer has failed; the next one is not kept waiting by it. */
const KILL_WITHIN_MS = 10_000;

export async function honestly(terms: HonestTerms): Promise<Honest> {
  const start = performance.now();
  const until = start + terms.seconds * 1000;
  const issued = { count: 0, failed: 0 };
  const hands = Array.from({ length: AGENT_CONNECTIONS }, () => agent(terms, until, issued));
  const [kills, commonKills] = await Promise.all([
    killing(terms, terms.operationsUrl, 0, until),
    killing(terms, terms.url, 1, until),
  ]);
  await Promise.all(hands);
  return {
    issuedPerSecond: issued.count / ((performance.now() - start) / 1000),
    failed: issued.failed,
    kills,
    commonKills,
  };
}

/** Asks again as soon as it was answered; connects anew where its connection was closed. */
async function agent(
  { url, requests, agentAddress }: HonestTerms,
  until: number,
  issued: { count: number; failed: number },
): Promise<void> {
  let connection: Connection | undefined;
  while (performance.now() < until) {
    const request = requests();
    if (!request) return;
    try {
      connection ??= await Connection.open(url, agentAddress);
      const { status } = await connection.exchange(request);
      if (status === 200) issued.count++;
      else issued.failed++;
    } catch {
      issued.failed++;
      connection?.close();
      connection = undefined;
    }
  }
  connection?.close();
}

/** Each on a connection of its own, as somebody comes who has not been here before; timed from the first step. */
async function killing(
  { operatorAddress, tasks }: HonestTerms,
  url: string,
  half: 0 | 1,
  until: number,
): Promise<Kills> {
  const operator = tokenFor('operator');
  const kills: Promise<number>[] = [];
  for (const [index, task] of tasks.entries()) {
    if (index % 2 !== half) continue;
    if (performance.now() >= until) break;
    kills.push(kill(url, operatorAddress, task, operator));
    await new Promise((resolve) => setTimeout(resolve, KILL_EVERY_MS));
  }
  const took = await Promise.all(kills);
  const latencies = took.filter((ms) => !Number.isNaN(ms)).sort((a, b) => a - b);
  return {
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    mostMs: latencies.at(-1) ?? NaN,
    failed: took.length - latencies.length,
  };
}

/** How long it took; NaN where it was not done. */
async function kill(url: string, from: string, task: string, operator: string): Promise<number> {
  const began = performance.now();
  const body = { select: { task }, reason: 'measured under attack' };
  const request = jsonRequest(url, '/v1/revocations', body, operator);
  const done = (async () => {
    const connection = await Connection.open(url, from);
    try {
      const { status } = await connection.exchange(request);
      return status === 200 || status === 202 ? performance.now() - began : NaN;
    } finally {
      connection.close();
    }
  })().catch(() => NaN);
  const overdue = new Promise<number>((resolve) => setTimeout(() => resolve(NaN), KILL_WITHIN_MS).unref());
  return Promise.race([done, overdue]);
}
