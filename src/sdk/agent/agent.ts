// An agent at work in a task: the tools it uses, and the leases that it gives back in the end.
/// <reference lib="esnext.disposable" preserve="true" />
import {
  type ClientOptions,
  DpopKey,
  type DpopProver,
  MayflyClient,
  type TokenSource,
} from '../client/index.js';
import { ProvenCalls } from '../client/dpop-fetch.js';
import { elapsed } from './elapsed.js';
import { Holding, type HoldingParts } from './holding.js';
import { Leases } from './leases.js';
import { TaskEnds } from './task-ends.js';
import { AgentTool } from './tool.js';
import { checkText, exchangeFor, type ToolTerms } from './tool-terms.js';

const CLOSED_WITHIN_MS = 5000;
const TIDIED_AFTER = 256;

export interface AgentOptions extends Omit<ClientOptions, 'url' | 'token' | 'dpop'> {
  /** The broker's URL. https, unless it is on this machine. */
  readonly broker: string;
  /** Your workload token, read at each use: platforms replace tokens while programs run. */
  readonly token: TokenSource;
  /** The task that credentials are for. */
  readonly task: string;
  /** The key that credentials shall be bound to (RFC 9449). `true`: one that ends with this agent. */
  readonly dpop?: DpopProver | true;
  /** How tools are called, where that is not how the broker is: `fetch`. */
  readonly toolFetch?: typeof fetch;
  /** Milliseconds that only go forward, in the place of the machine's: for tests. */
  readonly clock?: () => number;
}

/**
 * Gets credentials for the tools of one task, keeps them fresh while they are used, and gives them back in the end.
 * One request is under way for each credential, however many want it.
 *
 * @example
 * await using agent = new Agent({ broker, token: { file: '/var/run/secrets/mayfly/token' }, task: 'run-42' });
 * const crm = agent.tool('crm', { actions: ['read'] });
 * const response = await crm.fetch('https://crm.example/customers/7');
 */
export class Agent implements AsyncDisposable {
  readonly task: string;
  readonly #options: AgentOptions;
  readonly #parts: HoldingParts;
  /** By what is asked for. */
  readonly #holdings = new Map<string, Holding>();
  #key: Promise<DpopProver> | undefined;
  #proven: Promise<ProvenCalls> | undefined;
  #closing: Promise<readonly string[]> | undefined;

  /** @throws MayflyError `ERR_USAGE` for a URL that no token should be sent to, and where no task is named */
  constructor(options: AgentOptions) {
    const { broker: url, task, dpop, clock = elapsed(), ...client } = options;
    checkText('the task', task);
    this.task = task;
    this.#options = options;
    const broker = new MayflyClient({ ...client, url, ...(dpop && { dpop: () => this.#prover(dpop) }) });
    this.#parts = { broker, leases: new Leases(broker, clock), ends: new TaskEnds(broker), now: clock };
  }

  /**
   * The same tool on the same terms again shares its credential.
   *
   * @throws MayflyError `ERR_USAGE` for terms that say something else than they seem to, as an empty list of actions does
   */
  tool(name: string, terms: ToolTerms = {}): AgentTool {
    const asked = exchangeFor(this.task, name, terms);
    const key = JSON.stringify(asked);
    let holding = this.#holdings.get(key);
    if (!holding) {
      // A credential for each of many resources: those that have ended are not kept.
      if (this.#holdings.size % TIDIED_AFTER === TIDIED_AFTER - 1) this.#tidy();
      holding = new Holding(asked, this.#parts);
      this.#holdings.set(key, holding);
    }
    const { dpop, toolFetch = globalThis.fetch, dangerouslyPlainHttp = false } = this.#options;
    return new AgentTool({
      name,
      holding,
      ...(terms.url !== undefined && { places: [terms.url].flat() }),
      fetch: toolFetch,
      proven: async () => dpop && (this.#proven ??= this.#provenCalls(dpop, toolFetch)),
      plainHttpAllowed: dangerouslyPlainHttp,
    });
  }

  /**
   * Gives back what is held, within 5 seconds, and gets nothing more. Never rejects.
   *
   * @returns the ids of leases that could not be given back: they end by themselves at their time
   */
  close(): Promise<readonly string[]> {
    return (this.#closing ??= this.#parts.leases.close(CLOSED_WITHIN_MS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tidy(): void {
    for (const [key, holding] of this.#holdings) if (holding.isIdle) this.#holdings.delete(key);
  }

  #prover(dpop: DpopProver | true): Promise<DpopProver> {
    return (this.#key ??= dpop === true ? DpopKey.generate() : Promise.resolve(dpop));
  }

  async #provenCalls(dpop: DpopProver | true, toolFetch: typeof fetch): Promise<ProvenCalls> {
    return new ProvenCalls(await this.#prover(dpop), toolFetch);
  }
}
