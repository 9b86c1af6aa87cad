// A broker on a clock that the test moves, a tool that keeps what it was asked, and agents that count what they ask.
import { TestBroker } from '../../fixtures/broker.js';
import type { Terms } from '../../fixtures/broker-configuration.js';
import { type InPlaceOfBroker, inPlaceOfBroker, type Respond } from '../../fixtures/in-place-of-broker.js';
import type { Clock } from '../../../src/domain/clock.js';
import { Agent, type AgentOptions } from '../../../src/sdk/agent/index.js';
import type { AnswerFacts } from '../../../src/sdk/client/index.js';

export interface Counted {
  readonly agent: Agent;
  /** `POST /token` and the like, in the order of the answers. */
  readonly asked: string[];
}

export class AgentScene<Time extends Clock = Clock> {
  readonly clock: Time;
  readonly #open: { close(): unknown }[] = [];
  broker!: TestBroker;

  constructor(clock: Time) {
    this.clock = clock;
  }

  async start(terms: Terms = {}): Promise<void> {
    this.broker = await TestBroker.start({ clock: this.clock, terms });
  }

  async openTask(id: string, body: object = {}): Promise<void> {
    const { status, text } = await this.broker.openTask({ id, tools: MANIFEST, ...body });
    if (status !== 201) throw new Error(text);
  }

  agent(task: string, options: Partial<AgentOptions> = {}): Counted {
    const asked: string[] = [];
    const agent = new Agent({
      broker: this.broker.url,
      token: () => this.broker.workloads.token('agent-1'),
      task,
      clock: () => this.clock.now(),
      onAnswer: ({ method, path }: AnswerFacts) =>
        asked.push(`${method} ${path.replace(/lease_\w+/, 'lease')}`),
      ...options,
    });
    this.#open.push(agent);
    return { agent, asked };
  }

  /** A server of its own, that ends with the test. */
  async tool(...answers: readonly Respond[]): Promise<InPlaceOfBroker> {
    const made = await inPlaceOfBroker(...answers);
    this.#open.push(made);
    return made;
  }

  async clear(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((one) => one.close()));
  }
}

const MANIFEST = [
  { tool: 'crm', actions: ['read', 'write'] },
  { tool: 'search', actions: ['query'] },
];
