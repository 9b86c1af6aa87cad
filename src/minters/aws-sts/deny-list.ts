// Kills sessions of roles: what is to be denied is on record first, and then in a policy of the role.
import type { DenyStore, Denied } from '../../store/deny-store.js';
import { denies, entriesOf } from './deny-document.js';
import type { RoleWriterTerms } from './role-writer.js';
import { RoleWriter } from './role-writer.js';

export interface DenyListTerms extends RoleWriterTerms {
  readonly store: DenyStore;
}

export interface Kill {
  /** It was in a policy of the role already when we looked: nobody has removed what an earlier kill wrote. */
  readonly wasThere: boolean;
}

export class DenyList {
  readonly #terms: DenyListTerms;
  readonly #writers = new Map<string, RoleWriter>();

  constructor(terms: DenyListTerms) {
    this.#terms = terms;
  }

  /**
   * Resolves when IAM has taken it and gave it back. Idempotent. Many at once are one write: what comes while one is under
   * way waits for the next, with all the others.
   */
  async kill(role: string, denied: Denied): Promise<Kill> {
    await this.#terms.store.add(role, denied);
    const { roleId, cutOff, found } = await this.#writer(role).write();
    const entries = entriesOf(roleId, { denied: [denied], ...(cutOff && { cutOff }) });
    return { wasThere: denies(found, entries) };
  }

  /**
   * Removes what is moot, and writes again what somebody removed: for a schedule. A kill alone would leave the role's
   * policy as it is until the next one. Answers how many denials this broker had seen there were gone.
   */
  tidy(role: string): Promise<number> {
    return this.#writer(role).tidy();
  }

  #writer(role: string): RoleWriter {
    let writer = this.#writers.get(role);
    if (!writer) this.#writers.set(role, (writer = new RoleWriter(role, this.#terms)));
    return writer;
  }
}
