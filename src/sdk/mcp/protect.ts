// An MCP server behind its verifier: who may call which of its tools, in which session, and until when.
import type { VerifiedCredential, Watch } from '../verifier/index.js';
import { CredentialRefused, refusalResponse } from '../verifier/index.js';
import { flawed, noRoom, noSession } from './answers.js';
import type { AuthInfo, McpFetch, McpGiven } from './exchange.js';
import { exchanged } from './exchange.js';
import type { Message } from './message.js';
import { messageOf, requestIdIn } from './message.js';
import { metadataAnswer, metadataOf, metadataUrl } from './metadata.js';
import type { McpProtection } from './options.js';
import type { Want } from './rules.js';
import { RuleBook } from './rules.js';
import { Sessions } from './sessions.js';
import type { Shown } from './shown.js';
import { shownIn } from './shown.js';

const MOST_BYTES = 4 * 1024 * 1024;
const MOST_SESSIONS = 10_000;
const SESSION = 'mcp-session-id';
const LIVE: Want = { kind: 'live' };

/**
 * Of the same form as the server behind it: `toNodeHandler` mounts it in node:http and Express, and `fetch` is what
 * runtimes with web handlers take.
 */
export class ProtectedMcp implements McpFetch {
  /** What to mount it under: the server itself, and its metadata. */
  readonly paths: string[];
  /** Where its metadata is (RFC 9728 §3). */
  readonly metadataUrl: string;
  readonly #server: McpFetch;
  readonly #protection: McpProtection;
  readonly #url: string;
  readonly #audience: URL;
  readonly #rules: RuleBook;
  readonly #metadata: object;
  readonly #metadataPaths: ReadonlySet<string>;
  readonly #sessions: Sessions;

  constructor(server: McpFetch, protection: McpProtection) {
    const { verifier, tool, url, dpop, name, documentation } = protection;
    const known = verifier.tool(tool);
    this.#server = server;
    this.#protection = protection;
    this.#audience = httpUrl(known.audience);
    this.#url = httpUrl(url ?? known.baseUrl ?? known.audience).href;
    this.#rules = new RuleBook(protection.tools, protection.methods);
    this.metadataUrl = metadataUrl(known.audience).href;
    // A client that goes by the address alone looks at that one's place (MCP, Authorization Server Discovery).
    const places = [known.audience, this.#url].map((place) => metadataUrl(place).pathname);
    this.#metadataPaths = new Set(places);
    this.paths = [new URL(this.#url).pathname, ...this.#metadataPaths];
    this.#metadata = metadataOf({
      resource: known.audience,
      broker: verifier.issuer,
      actions: this.#rules.actions,
      requiresDpop: dpop === 'required',
      ...(name !== undefined && { name }),
      ...(documentation !== undefined && { documentation }),
    });
    this.#sessions = new Sessions({
      most: protection.mostSessions ?? MOST_SESSIONS,
      watch: (credential) => verifier.watch(credential),
      end: (id) => this.#end(id),
    });
  }

  /** Bound, so that it can be handed on by itself. `given.authInfo` is passed over: who calls is what we find out. */
  readonly fetch = async (request: Request, given: McpGiven = {}): Promise<Response> => {
    if (this.#metadataPaths.has(new URL(request.url).pathname)) {
      return metadataAnswer(request.method, this.#metadata);
    }
    const shown = shownIn(request, this.#url);
    // Before the body is read: whoever shows nothing costs nothing.
    if (shown.token === undefined) return refusalResponse(this.#refusal('ERR_TOKEN_MISSING', shown));
    if (request.method !== 'POST') return this.#admitted(request, shown, LIVE);
    const message = await messageOf(request, given.parsedBody, this.#protection.mostBytes ?? MOST_BYTES);
    if (message.kind === 'flawed') return this.#admitted(request, shown, message);
    const want = message.kind === 'replies' ? LIVE : this.#rules.wantOf(message);
    return this.#admitted(request, shown, want, message);
  };

  /** Ends every session. The verifier stays open: it is the caller's. */
  close(): void {
    this.#sessions.close();
  }

  async #admitted(
    request: Request,
    shown: Shown,
    want: Want,
    message?: { readonly body: object; readonly method?: Message['method'] },
  ): Promise<Response> {
    let credential: VerifiedCredential;
    try {
      credential = await this.#verified(shown, want);
    } catch (error) {
      if (!(error instanceof CredentialRefused)) throw error;
      return refusalResponse(this.#refusal(error.code, shown, want));
    }
    // Not before: what is wrong with a message is for those alone who may send one.
    if (want.kind === 'flawed') return flawed(want);
    const session = request.headers.get(SESSION);
    const over = session === null ? undefined : this.#sessions.admitted(session, credential);
    if (session !== null && !over) return noSession();
    const watch = this.#protection.verifier.watch(credential, { endsWhenStale: true });
    if (over && message) this.#stopWith(watch.signal, request, message.body);
    const answer = await exchanged({
      server: this.#server,
      request,
      body: message?.body,
      authInfo: this.#authInfo(credential),
      death: over ? AbortSignal.any([watch.signal, over]) : watch.signal,
      settled: () => watch.stop(),
      shows: (tool) => this.#rules.shows(tool, credential.actions),
      unwanted: (late) => this.#discard(late, session),
    });
    if (answer === undefined) return refusalResponse(this.#refusal(endOf(watch), shown));
    if (message?.method === 'initialize') return this.#begun(answer, session, credential);
    if (session !== null && request.method === 'DELETE' && answer.ok) this.#sessions.forget(session);
    return answer;
  }

  async #verified({ token, request }: Shown, want: Want): Promise<VerifiedCredential> {
    const { verifier, tool, dpop } = this.#protection;
    const credential = await verifier.verify(token, {
      tool,
      request,
      action: want.kind === 'action' ? want.action : null,
      ...(want.kind === 'action' && want.resource !== undefined && { resource: want.resource }),
      ...('called' in want && { detail: { mcp: want.called } }),
    });
    if (want.kind === 'nothing') {
      const refusal = new CredentialRefused('ERR_ACTION');
      // On record like any other: by its own name, as there is no action that it would be.
      verifier.reportCall(credential, { tool, action: want.called, detail: { mcp: want.called } }, refusal);
      throw refusal;
    }
    if (dpop === 'required' && credential.jkt === undefined) throw new CredentialRefused('ERR_PROOF_MISSING');
    return credential;
  }

  /** With the place of our metadata, and the scope that would do, which a forbidden call has none of. */
  #refusal(code: CredentialRefused['code'], { request }: Shown, want: Want = LIVE): CredentialRefused {
    return new CredentialRefused(code, {
      resourceMetadata: this.metadataUrl,
      dpop: this.#protection.dpop === 'required' || request.scheme === 'DPoP',
      ...(want.kind === 'action' && { action: want.action }),
    });
  }

  #authInfo(credential: VerifiedCredential): AuthInfo {
    return {
      token: '',
      clientId: credential.sub,
      scopes: [...credential.actions],
      expiresAt: Math.floor(credential.expiresAt / 1000),
      resource: this.#audience,
      resourceMetadataUrl: this.metadataUrl,
      extra: { credential },
    };
  }

  #begun(answer: Response, asked: string | null, credential: VerifiedCredential): Response {
    const id = answer.headers.get(SESSION);
    if (id === null || asked !== null) return answer;
    if (!this.#sessions.hasRoom) {
      this.#discard(answer, null);
      return noRoom();
    }
    if (this.#sessions.begin(id, credential)) return answer;
    answer.body?.cancel().catch(() => undefined);
    return noSession();
  }

  /** In a session that another credential keeps open, the tool would go on: it is told to stop as a client tells it. */
  #stopWith(death: AbortSignal, { url, headers }: Request, body: object): void {
    const requestId = requestIdIn(body);
    if (requestId === undefined) return;
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } };
    const stop = (): void => {
      const kept = ['accept', 'content-type', 'mcp-protocol-version', SESSION].flatMap((name) => {
        const value = headers.get(name);
        return value === null ? [] : [[name, value] as [string, string]];
      });
      const request = new Request(url, { method: 'POST', headers: kept, body: JSON.stringify(cancelled) });
      void this.#tell(request, { parsedBody: cancelled });
    };
    death.addEventListener('abort', stop, { once: true });
  }

  /** A session that nobody will ever use is not left behind. */
  #discard(answer: Response, asked: string | null): void {
    answer.body?.cancel().catch(() => undefined);
    const id = answer.headers.get(SESSION);
    if (id !== null && asked === null) this.#end(id);
  }

  /** As a client would: the server closes its streams, and tells its tools to stop. */
  #end(id: string): void {
    const request = new Request(this.#url, { method: 'DELETE', headers: { [SESSION]: id } });
    void this.#tell(request);
  }

  /** What the server makes of it is its own affair: on our side it is over. */
  async #tell(request: Request, given?: McpGiven): Promise<void> {
    try {
      const answer = await this.#server.fetch(request, given);
      await answer.body?.cancel();
    } catch {
      // It may be gone by now.
    }
  }
}

/**
 * Protects an MCP server: only calls with a live credential for it get through, and only such as the credential permits.
 *
 * @throws MayflyError `ERR_USAGE` for a tool that the verifier was not told of
 * @throws TypeError for an audience that is no http address, or an action that no scope can name
 *
 * @example
 * const notes = protectMcp(createMcpHandler(makeServer), { verifier, tool: 'notes', tools: { search: 'read' } });
 * createServer(toNodeHandler(notes)).listen(3000);
 */
export const protectMcp = (server: McpFetch, protection: McpProtection): ProtectedMcp =>
  new ProtectedMcp(server, protection);

/** Dead, or not known to be alive: the client is told which, as it can wait for the end of one of them. */
const endOf = ({ signal }: Watch): CredentialRefused['code'] =>
  signal.reason instanceof CredentialRefused ? signal.reason.code : 'ERR_REVOKED';

function httpUrl(written: string): URL {
  if (URL.canParse(written) && /^https?:$/.test(new URL(written).protocol)) return new URL(written);
  throw new TypeError(`${written} is no address: the audience of an MCP server is where clients find it`);
}
