// Sessions of servers that keep them (`Mcp-Session-Id`): each belongs to one task and one agent, and ends with their credential.
import type { VerifiedCredential, Watch } from '../verifier/index.js';

interface Session {
  readonly owner: string;
  /** The credentials that it was used with, by their leases; it ends with the last of them. */
  readonly watched: Map<string, Watched>;
  /** So that what runs in it ends as what is dead, before the server closes it as what is done. */
  readonly over: AbortController;
}

interface Watched {
  readonly watch: Watch;
  readonly expiresAt: number;
}

/** An agent that goes on for long has one after the other, and seldom two at once. */
const MOST_WATCHED = 8;

export interface SessionsOptions {
  readonly most: number;
  readonly watch: (credential: VerifiedCredential) => Watch;
  /** Tells the server that the session is over. */
  readonly end: (id: string) => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byId = new Map<string, Session>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#byId.size < this.#options.most;
  }

  /**
   * Aborts when the session dies; undefined where the credential may not go on in it. It has to be one that we saw the server
   * begin, for the same agent and the same task: a name that somebody planted, guessed or overheard is none.
   */
  admitted(id: string, credential: VerifiedCredential): AbortSignal | undefined {
    const session = this.#byId.get(id);
    if (session?.owner !== ownerOf(credential)) return undefined;
    this.#watch(id, session, credential);
    return session.over.signal;
  }

  /** Of an answer to `initialize`. False for a name that is another's: two would share what the server keeps under it. */
  begin(id: string, credential: VerifiedCredential): boolean {
    if (this.#byId.has(id)) return this.admitted(id, credential) !== undefined;
    const session: Session = {
      owner: ownerOf(credential),
      watched: new Map(),
      over: new AbortController(),
    };
    this.#byId.set(id, session);
    this.#watch(id, session, credential);
    return true;
  }

  /** The server has ended it. */
  forget(id: string): void {
    for (const { watch } of this.#byId.get(id)?.watched.values() ?? []) watch.stop();
    this.#byId.delete(id);
  }

  close(): void {
    for (const id of this.#byId.keys()) this.#end(id);
  }

  #watch(id: string, { watched }: Session, credential: VerifiedCredential): void {
    const { leaseId, expiresAt } = credential;
    const known = watched.get(leaseId);
    // A lease that was renewed lives on in another credential.
    if (known && known.expiresAt >= expiresAt) return;
    known?.watch.stop();
    watched.delete(leaseId);
    const watch = this.#options.watch(credential);
    watched.set(leaseId, { watch, expiresAt });
    const died = (): void => {
      watch.stop();
      if (watched.get(leaseId)?.watch === watch) watched.delete(leaseId);
      if (watched.size === 0) this.#end(id);
    };
    if (watch.signal.aborted) return died();
    watch.signal.addEventListener('abort', died, { once: true });
    if (watched.size <= MOST_WATCHED) return;
    const [oldest = leaseId] = watched.keys();
    watched.get(oldest)?.watch.stop();
    watched.delete(oldest);
  }

  #end(id: string): void {
    const over = this.#byId.get(id)?.over;
    this.forget(id);
    over?.abort();
    this.#options.end(id);
  }
}

/** As a list: names may hold any character that could join them. */
const ownerOf = ({ taskId, sub, claims }: VerifiedCredential): string =>
  JSON.stringify([taskId, sub, claims['act'] ?? null]);
