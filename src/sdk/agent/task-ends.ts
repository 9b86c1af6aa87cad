// Which tasks are known to be over. A closed task is never opened again, so what is known stays.
import { factsIn } from '../client/errors.js';
import { type MayflyClient, MayflyError } from '../client/index.js';

export class TaskEnds {
  readonly #broker: MayflyClient;
  readonly #over = new Map<string, MayflyError>();
  /** The last lease that was taken in each task. */
  readonly #leases = new Map<string, string>();

  constructor(broker: MayflyClient) {
    this.#broker = broker;
  }

  took(task: string, lease: string): void {
    this.#leases.set(task, lease);
  }

  /** @throws MayflyError `ERR_TASK_OVER` where it, or a task that it is a part of, is known to be over */
  check(task: string): void {
    for (let at = task; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
      const over = this.#over.get(at);
      if (over) throw over;
    }
  }

  /**
   * What a refusal means. Unknown, closed and forbidden are answered alike, so that nobody is told of tasks of others;
   * but how a lease of our own ended, we may read.
   */
  async understood(task: string, refusal: MayflyError): Promise<MayflyError> {
    if (refusal.problem === 'task-closed') return this.#noted(task, refusal);
    const lease = this.#leases.get(task);
    if (refusal.oauthError !== 'invalid_target' || lease === undefined) return refusal;
    try {
      const { ended } = await this.#broker.readLease(lease);
      return ended?.cause === 'task' ? this.#noted(task, refusal) : refusal;
    } catch {
      return refusal;
    }
  }

  #noted(task: string, refusal: MayflyError): MayflyError {
    const over = new MayflyError('ERR_TASK_OVER', `the task ${task} is over`, factsIn(refusal), refusal);
    this.#over.set(task, over);
    return over;
  }
}
