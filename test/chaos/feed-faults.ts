// What may go wrong between a kill and a verifier: whatever it is, what is dead is not accepted for longer than was allowed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { CRM } from '../fixtures/broker-configuration.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { Relay } from '../fixtures/relay.js';
import type { Clocks } from '../fixtures/shown.js';
import { Tool } from '../fixtures/shown.js';
import { tied } from '../fixtures/tied.js';

export const MAX_STALENESS_MS = 1500;
/** What is measured is measured by a busy machine: a credential that was being looked at is told of a little later. */
const SLACK_MS = 400;
const TERMS = { feed: { heartbeat: '200ms' } };

export interface StageTerms<Redis extends RedisDeployment> {
  readonly start: () => Promise<Redis>;
  readonly store?: object;
}

/** Two brokers on one Redis, and a tool that reads the first one's feed behind a relay. */
export class Stage<Redis extends RedisDeployment> {
  readonly redis: Redis;
  readonly fleet: BrokerFleet;
  readonly relay: Relay;
  readonly tool: Tool;

  private constructor(redis: Redis, fleet: BrokerFleet, relay: Relay) {
    this.redis = redis;
    this.fleet = fleet;
    this.relay = relay;
    this.tool = this.toolAt(relay.url);
  }

  static async open<Redis extends RedisDeployment>({
    start,
    store = {},
  }: StageTerms<Redis>): Promise<Stage<Redis>> {
    const redis = await start();
    const terms = { count: 2, terms: TERMS, store: { command_timeout: '500ms', ...store } };
    const fleet = await BrokerFleet.start({ ...terms, redis });
    return new Stage(redis, fleet, await Relay.start(fleet.brokers[0]!.url));
  }

  get brokers(): readonly [BrokerProcess, BrokerProcess] {
    return this.fleet.brokers as [BrokerProcess, BrokerProcess];
  }

  toolAt(url: string, clocks?: Clocks): Tool {
    const [first] = this.brokers;
    const token = (): string => first.workloads.token('crm-api');
    return new Tool({ broker: url, issuer: first.url, token, maxStalenessMs: MAX_STALENESS_MS }, clocks);
  }

  /** Opens a task of that name, and shows its credential to the tool. */
  async begin(name: string): Promise<string> {
    const [, second] = this.brokers;
    await second.openTask({ id: name });
    const { access_token: token } = await second.credential('agent-1', { task_id: name, audience: 'crm' });
    await this.tool.takes(name, token);
    return token;
  }

  /** Closes it at the second broker; then it is refused in time. */
  async killed(name: string): Promise<void> {
    const [, second] = this.brokers;
    expect((await second.complete(name)).status).toBe(200);
    await this.refusedInTime(name);
  }

  /** Of a task whose close was acknowledged a moment ago. */
  async refusedInTime(name: string): Promise<void> {
    const at = performance.now();
    await this.tool.refuses(name);
    expect(this.tool.acceptedAt(name) - at).toBeLessThan(MAX_STALENESS_MS + SLACK_MS);
  }

  async close(): Promise<void> {
    await this.tool.close();
    await this.relay.close();
    await this.fleet.remove();
    await this.redis.close();
  }
}

/** A verifier that is stopped for so long, with a kill meanwhile: what it says as soon as it goes on. */
export async function asleep(stage: Stage<RedisDeployment>, forMs: number): Promise<void> {
  const [first, second] = stage.brokers;
  const token = await stage.begin('asleep');
  const alive = await stage.begin('awake');
  const options = {
    broker: second.url,
    issuer: first.url,
    token: first.workloads.token('crm-api'),
    tools: { crm: { audience: CRM.audience, plane: 'data' } },
    maxStalenessMs: MAX_STALENESS_MS,
  };
  const script = fileURLToPath(new URL('../fixtures/sleeper.mjs', import.meta.url));
  const [program, args] = tied(process.execPath, [script, JSON.stringify(options)]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async (): Promise<string> => String((await lines.next()).value);
  const shown = (credential: string): Promise<string> => {
    child.stdin.write(`${credential}\n`);
    return said();
  };
  try {
    expect(await said()).toBe('ready');
    expect([await shown(token), await shown(alive)]).toEqual(['accepted', 'accepted']);
    child.kill('SIGSTOP');
    expect((await second.complete('asleep')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const awake = shown(token);
    child.kill('SIGCONT');
    // Either it has heard of the kill by then, or it knows that it may have missed one.
    expect(['ERR_STALE', 'ERR_REVOKED']).toContain(await awake);
    let outcome = await shown(alive);
    for (const until = performance.now() + 10_000; outcome !== 'accepted' && performance.now() < until;)
      outcome = await shown(alive);
    expect([outcome, await shown(token)]).toEqual(['accepted', 'ERR_REVOKED']);
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
