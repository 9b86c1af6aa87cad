// Sessions of servers that keep them (`Mcp-Session-Id`): each belongs to one task and one agent, and ends with their credential.
import type { VerifiedCredential, Watch } from '../verifier/index.js';

interface Session {
  readonly owner: string;
  /** Of the credential that is watched: of those it was used with, the one that lives longest. */
  expiresAt: number;
  watch: Watch;
}

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
   * Whether the credential may go on in this session: it is one that we saw the server begin, for the same agent and
   * the same task. A name that somebody planted, guessed or overheard is none.
   */
  admits(id: string, credential: VerifiedCredential): boolean {
    const session = this.#byId.get(id);
    if (session?.owner !== ownerOf(credential)) return false;
    if (credential.expiresAt > session.expiresAt) {
      session.watch.stop();
      session.expiresAt = credential.expiresAt;
      session.watch = this.#watched(id, credential);
    }
    return true;
  }

  /** Of an answer to `initialize`. False for a name that is another's: two would share what the server keeps under it. */
  begin(id: string, credential: VerifiedCredential): boolean {
    if (this.#byId.has(id)) return this.admits(id, credential);
    const watch = this.#watched(id, credential);
    this.#byId.set(id, { owner: ownerOf(credential), expiresAt: credential.expiresAt, watch });
    return true;
  }

  /** The server has ended it. */
  forget(id: string): void {
    this.#byId.get(id)?.watch.stop();
    this.#byId.delete(id);
  }

  close(): void {
    for (const id of this.#byId.keys()) this.#end(id);
  }

  #watched(id: string, credential: VerifiedCredential): Watch {
    const watch = this.#options.watch(credential);
    watch.signal.addEventListener('abort', () => this.#end(id), { once: true });
    // Dead by now: the event is over, and nothing else would end the session.
    if (watch.signal.aborted) queueMicrotask(() => this.#end(id));
    return watch;
  }

  #end(id: string): void {
    this.forget(id);
    this.#options.end(id);
  }
}

/** As a list: names may hold any character that could join them. */
const ownerOf = ({ taskId, sub, claims }: VerifiedCredential): string =>
  JSON.stringify([taskId, sub, claims['act'] ?? null]);
