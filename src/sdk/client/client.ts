// A broker as an object: one method for each route of the contract.
import type { Introspection } from './answers.js';
import type { AuditFilter, ExchangeRequest, LeaseFilter, TaskFilter } from './asked.js';
import { exchangeForm, formOf } from './asked.js';
import { segment } from './broker-url.js';
import { type CallOptions, Channel, type ClientOptions, type Outgoing } from './channel.js';
import { get, post } from './outgoing.js';
import { eachOf } from './pages.js';
import { Published, readJson } from './published.js';
import type * as view from './views.js';

/** Recovery goes through all tasks: the broker works on it for seconds before it answers. */
const RECOVERY_WAIT_MS = 45_000;
/** The broker answers within half a minute, whatever its targets do. */
const RECONCILIATION_WAIT_MS = 40_000;

/**
 * Calls a Mayfly broker as whoever the token says. Bodies and answers are those of the contract (docs/http.md).
 *
 * Every method throws a `MayflyError` with a stable `code` when the broker refuses, cannot be reached or does not
 * answer in time; and the reason of `signal` where that ended the call. Redirects are not followed. A call is sent
 * again only after a 429, or a 503 where doing it twice is as good as once, that says when to come again.
 *
 * @example
 * const mayfly = new MayflyClient({ url: 'https://mayfly.example', token: { file: '/var/run/secrets/token' } });
 * const { access_token } = await mayfly.exchange({ task_id: 'run-42', audience: 'crm', scope: 'read' });
 */
export class MayflyClient extends Published {
  readonly #channel: Channel;

  /** @throws MayflyError `ERR_USAGE` for a URL that no token should be sent to */
  constructor(options: ClientOptions) {
    const channel = new Channel(options);
    super(channel);
    this.#channel = channel;
  }

  // Credentials

  /** A credential for one task and one tool (RFC 8693), for the workload token's bearer. Never sent twice. */
  async exchange(asked: ExchangeRequest, call: CallOptions = {}): Promise<view.TokenResponse> {
    const form = async (): Promise<URLSearchParams> =>
      exchangeForm(asked, await this.#channel.caller.token());
    const path = '/token';
    return this.#read({ method: 'POST', path, form, as: 'nobody', binds: true, repeatable: false }, call);
  }

  /** Several of one task, each decided on its own, in this order: what was not issued says why. Never sent twice. */
  issueCredentials(
    task: string,
    credentials: view.CredentialsRequest['credentials'],
    call: CallOptions = {},
  ): Promise<view.CredentialsView> {
    const asked = post(`/v1/tasks/${segment(task)}/credentials`, { credentials });
    return this.#read({ ...asked, binds: true, repeatable: false }, call);
  }

  /** Credentials of AWS, in the form that its SDKs read. The same again while they are fresh, so it may be sent twice. */
  awsCredentials(task: string, tool: string, call: CallOptions = {}): Promise<view.AwsCredentialsView> {
    return this.#read(get('/aws/credentials', { task_id: task, tool }), call);
  }

  /** Whether a credential is alive at this moment, and what it says (RFC 7662). */
  introspect(token: string, call: CallOptions = {}): Promise<Introspection> {
    return this.#read({ ...post('/introspect'), form: formOf({ token }), repeatable: true }, call);
  }

  /** Gives a credential back by showing it (RFC 7009). What is unknown or another's is left alone, and not told. */
  async revokeToken(token: string, call: CallOptions = {}): Promise<void> {
    await this.#channel.send({ ...post('/revoke'), form: formOf({ token }), repeatable: true }, call);
  }

  // Tasks

  /** Opens a task. The same body with the same `id` again gives the task that exists. */
  openTask(task: view.OpenTaskRequest, call: CallOptions = {}): Promise<view.TaskView> {
    // Without an id, twice would be two tasks.
    return this.#read({ ...post('/v1/tasks', task), repeatable: task.id !== undefined }, call);
  }

  /** One page, newest first. */
  listTasks(filter: TaskFilter = {}, call: CallOptions = {}): Promise<view.TaskList> {
    return this.#read(get('/v1/tasks', { ...filter }), call);
  }

  /** Every task that the filter fits, newest first, page by page as they are consumed. */
  eachTask(filter: TaskFilter = {}, call: CallOptions = {}): AsyncGenerator<view.TaskView, void, undefined> {
    return eachOf(
      (after?: string) => this.listTasks({ ...filter, ...(after !== undefined && { after }) }, call),
      ({ tasks }) => tasks,
    );
  }

  async readTask(id: string, call: CallOptions = {}): Promise<view.TaskView> {
    return this.#read(get(`/v1/tasks/${segment(id)}`), call);
  }

  /** How a settled task ended, signed: a JWT for `verifyReceipt` of `mayfly/verifier`. */
  async readReceipt(id: string, call: CallOptions = {}): Promise<string> {
    return (await this.#channel.send(get(`/v1/tasks/${segment(id)}/receipt`), call)).text;
  }

  /**
   * Ends a task and all below it: when this resolves, every credential of theirs is dead.
   *
   * @param ending `waitMs`: waits so long at most, 20,000, until every target has let go (`settled`)
   */
  async completeTask(
    id: string,
    { waitMs, ...ending }: view.CompleteTaskRequest & { readonly waitMs?: number } = {},
    call: CallOptions = {},
  ): Promise<view.TaskView> {
    const path = `/v1/tasks/${segment(id)}/complete`;
    const waiting = waitMs === undefined ? {} : { waitMs, query: { wait: `${Math.ceil(waitMs / 1000)}s` } };
    return this.#read({ ...post(path, ending), repeatable: true, ...waiting }, call);
  }

  /** A later deadline. */
  async extendTask(
    id: string,
    later: view.ExtendTaskRequest,
    call: CallOptions = {},
  ): Promise<view.TaskView> {
    const repeatable = later.deadline !== undefined;
    return this.#read({ ...post(`/v1/tasks/${segment(id)}/extend`, later), repeatable }, call);
  }

  /** Reports what happened in a task: when this resolves, whatever policy would now deny is dead. */
  async signalTask(id: string, signal: view.SignalRequest, call: CallOptions = {}): Promise<view.SignalView> {
    return this.#read({ ...post(`/v1/tasks/${segment(id)}/signals`, signal), repeatable: true }, call);
  }

  // The catalogue

  async listTools(call: CallOptions = {}): Promise<view.ToolView[]> {
    return (await this.#read<{ tools: view.ToolView[] }>(get('/v1/tools'), call)).tools;
  }

  // Leases

  /** One page, newest first: an agent's own, or all for operators and auditors. */
  listLeases(filter: LeaseFilter = {}, call: CallOptions = {}): Promise<view.LeaseList> {
    return this.#read(get('/v1/leases', { ...filter }), call);
  }

  /** Every lease that the filter fits, newest first, page by page as they are consumed. */
  eachLease(
    filter: LeaseFilter = {},
    call: CallOptions = {},
  ): AsyncGenerator<view.LeaseView, void, undefined> {
    return eachOf(
      (after?: string) => this.listLeases({ ...filter, ...(after !== undefined && { after }) }, call),
      ({ leases }) => leases,
    );
  }

  async readLease(id: string, call: CallOptions = {}): Promise<view.LeaseView> {
    return this.#read(get(`/v1/leases/${segment(id)}`), call);
  }

  /** Ends a lease before its time. Of one that has ended, its end is given again. */
  async releaseLease(id: string, call: CallOptions = {}): Promise<view.LeaseView> {
    const path = `/v1/leases/${segment(id)}`;
    return this.#read({ method: 'DELETE', path, as: 'caller', repeatable: true }, call);
  }

  /** A new credential under the same lease, where the tool allows that. Never sent twice. */
  async renewLease(
    id: string,
    asked: { readonly requested_expiry?: number } = {},
    call: CallOptions = {},
  ): Promise<view.TokenResponse> {
    const path = `/v1/leases/${segment(id)}/renew`;
    return this.#read({ ...post(path, asked), binds: true, repeatable: false }, call);
  }

  /** Has the credential of an irrevocable lease killed at its target once more. */
  retryLease(id: string, call: CallOptions = {}): Promise<view.LeaseView> {
    return this.#read({ ...post(`/v1/leases/${segment(id)}/retry`), repeatable: false }, call);
  }

  /** Says that the credential of an irrevocable lease is dead: nothing asks its target. */
  forceLease(id: string, said: view.ForceLeaseRequest, call: CallOptions = {}): Promise<view.LeaseView> {
    return this.#read({ ...post(`/v1/leases/${segment(id)}/force`, said), repeatable: false }, call);
  }

  // Operating

  /** Kills what the selector names: dead when this resolves. Sent again where the broker was too busy to answer for it. */
  revoke(kill: view.RevokeRequest, call: CallOptions = {}): Promise<view.RevocationView> {
    return this.#read({ ...post('/v1/revocations', kill), repeatable: true }, call);
  }

  /** What a kill would end. */
  previewRevocation(select: view.SelectorView, call: CallOptions = {}): Promise<view.RevocationView> {
    const query = { preview: 'true' };
    const asked = { select, reason: 'preview' };
    return this.#read({ ...post('/v1/revocations', asked), repeatable: true, query }, call);
  }

  /** After a restored backup: kills all that was issued, closes all that was open. Ask again until `done`. */
  recover(recovery: view.RecoverBody, call: CallOptions = {}): Promise<view.RecoveryView> {
    // Without a cut-off, a second time ends what came since the first.
    const repeatable = recovery.cutoff !== undefined;
    return this.#read({ ...post('/v1/recovery', recovery), repeatable, waitMs: RECOVERY_WAIT_MS }, call);
  }

  /** What a recovery would end. */
  previewRecovery(
    recovery: Pick<view.RecoverBody, 'keep_tasks'> = {},
    call: CallOptions = {},
  ): Promise<view.RecoveryPreview> {
    const asked = post('/v1/recovery', { reason: 'preview', ...recovery });
    const query = { preview: 'true' };
    return this.#read({ ...asked, repeatable: true, query, waitMs: RECOVERY_WAIT_MS }, call);
  }

  /** Has what targets hold compared with what is on record, and what has no live lease killed. */
  reconcile(asked: view.ReconcileRequest = {}, call: CallOptions = {}): Promise<view.ReconciliationView> {
    const again = { repeatable: true, waitMs: RECONCILIATION_WAIT_MS };
    return this.#read({ ...post('/v1/reconciliations', asked), ...again }, call);
  }

  /** Every kill in force, as the feed tells it: signed, by digests. docs/feed.md says how it is read. */
  readRevocations(call: CallOptions = {}): Promise<view.FeedSnapshot> {
    return this.#read(get('/v1/revocations'), call);
  }

  /** Says that every kill until `as_of` is applied, on a stream of this principal. Answers the store's time at the most. */
  acknowledgeRevocations(said: view.Acknowledgement, call: CallOptions = {}): Promise<view.Acknowledged> {
    return this.#read({ ...post('/v1/revocations/acknowledgements', said), repeatable: true }, call);
  }

  /** Who reads the feed; with `since`, how many have applied every kill until then. */
  listVerifiers(
    filter: { readonly since?: string } = {},
    call: CallOptions = {},
  ): Promise<view.VerifierList> {
    return this.#read(get('/v1/verifiers', filter), call);
  }

  async listQuarantines(call: CallOptions = {}): Promise<view.QuarantineView[]> {
    const { quarantines } = await this.#read<{ quarantines: view.QuarantineView[] }>(
      get('/v1/quarantines'),
      call,
    );
    return quarantines;
  }

  /** Lets an agent ask again. What was revoked stays revoked. */
  async liftQuarantine(agent: string, call: CallOptions = {}): Promise<view.QuarantineView> {
    const path = `/v1/quarantines/${segment(agent)}`;
    return this.#read({ method: 'DELETE', path, as: 'caller', repeatable: false }, call);
  }

  /** Puts tool calls on record, as a verifier. The same `batch` again is recorded once: send one that failed as it was. */
  reportToolCalls(report: view.ToolCallsRequest, call: CallOptions = {}): Promise<view.ToolCallsView> {
    return this.#read({ ...post('/v1/audit/tool-calls', report), repeatable: true }, call);
  }

  /** One page of the audit log, newest first. */
  readAudit(filter: AuditFilter = {}, call: CallOptions = {}): Promise<view.AuditList> {
    return this.#read(get('/v1/audit', { ...filter }), call);
  }

  /** Every event that the filter fits, newest first, page by page as they are consumed. */
  eachAuditEvent(
    filter: AuditFilter = {},
    call: CallOptions = {},
  ): AsyncGenerator<view.AuditEventView, void, undefined> {
    return eachOf(
      (before?: number) => this.readAudit({ ...filter, ...(before !== undefined && { before }) }, call),
      ({ events }) => events,
    );
  }

  /** What the broker counts and measures, in the text format of Prometheus. */
  async readMetrics(call: CallOptions = {}): Promise<string> {
    return (await this.#channel.send(get('/metrics'), call)).text;
  }

  #read<Body>(outgoing: Outgoing, call: CallOptions): Promise<Body> {
    return readJson(this.#channel, outgoing, call);
  }
}
