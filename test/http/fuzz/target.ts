// A broker under fire: sends one request as it stands, byte by byte, and says all that is wrong with what came back.
import { connect } from 'node:net';
import type { OpenApiDocument } from '../../../src/http/openapi/document.js';
import { systemClock } from '../../../src/domain/clock.js';
import { TestBroker } from '../../fixtures/broker.js';
import { CRM, SEARCH } from '../../fixtures/broker-configuration.js';
import { giveUpLeases } from '../../fixtures/given-up.js';
import { SMALL_ROLE, SmallSts } from '../../fixtures/small-sts.js';
import { statusOf } from '../../fixtures/status-list.js';
import type { Credential, Reply } from '../../fixtures/broker-client.js';
import { TASK } from '../../fixtures/broker-client.js';
import { Prover, digested } from '../../fixtures/prover.js';
import { Contract } from '../contract-document.js';
import type { FuzzedRequest } from './requests.js';
import { SUBJECTS } from './requests.js';
import type { Name, NAMES } from './values.js';
import { named } from './values.js';

/** An answer that takes longer is a hang. */
const ANSWERED_WITHIN_MS = 5000;
/** What the requests name is made anew: some of them kill everything there is. */
const RENEWED_EVERY = 40;

/** What is told to nobody: where our code lies, and what it was doing. */
const INSIDES = /\n\s+at |node_modules|\/src\/|\/dist\/|\.[jt]s:\d|\bSQLITE_|\bERR_[A-Z]/;

/** Answered before anybody looks where it was to go (under `default` in the contract). */
const PROTOCOL = new Set([400, 408, 413, 414, 429, 431]);

/** Each is good for one retry or one force. */
const MOST_GIVEN_UP = 100;
/** What was given up is tried again at a target that is not there. */
const WITHOUT_TARGET = /^a kill failed$|^a credential could not be revoked/;

const QUARANTINED = 'cluster/agent-9';

/** What stands in answers of those who got in deep, by operation: a fuzz that never saw them tried little. */
const DEEP: Readonly<Record<string, readonly string[]>> = {
  exchangeToken: ['"authorization_details":', '"token_type":"DPoP"'],
  renewLease: ['"token_type":"DPoP"'],
  openTask: ['"parent":', '"instance":'],
  signalTask: ['"added":true'],
  introspect: ['"active":true', '"cnf":'],
  revoke: ['"quarantined":true'],
};

const TERMS = {
  limits: { requests_per_principal: 'off', refusals_per_address: 'off' },
  status_list: { ttl: '60s' },
};

/** Each can end only so many sessions. */
const ROLES = Array.from({ length: 40 }, (_, index) => `${SMALL_ROLE}-${index}`);

export class Target {
  readonly broker: TestBroker;
  readonly #sts: SmallSts;
  readonly #contract: Contract;
  readonly #names = new Map<string, string>();
  readonly #prover = new Prover(systemClock());
  readonly #seen = new Set<string>();
  readonly #givenUp: readonly string[];
  #sent = 0;

  private constructor(broker: TestBroker, sts: SmallSts, contract: Contract, givenUp: readonly string[]) {
    this.broker = broker;
    this.#sts = sts;
    this.#contract = contract;
    this.#givenUp = givenUp;
  }

  static async start(document: OpenApiDocument): Promise<Target> {
    let givenUp: readonly string[] = [];
    const before = async (folder: string): Promise<void> => {
      givenUp = await giveUpLeases(folder, MOST_GIVEN_UP);
    };
    const sts = await SmallSts.start();
    const tools = { crm: CRM, search: SEARCH, reports: sts.tool({}, { roles: ROLES }) };
    const broker = await TestBroker.start({ terms: { ...TERMS, tools }, before });
    return new Target(broker, sts, new Contract(document), givenUp);
  }

  async stop(): Promise<void> {
    await this.broker.stop();
    await this.#sts.close();
  }

  /** All that is wrong with the answer; empty where nothing is. */
  async flawsOf(request: FuzzedRequest): Promise<string[]> {
    if (this.#sent++ % RENEWED_EVERY === 0) await this.#makeNames();
    const began = performance.now();
    const received = await this.#exchange(request);
    const tookMs = performance.now() - began;
    if (received === '') return [`no answer after ${Math.round(tookMs)} ms`];
    const reply = read(received, request.method);
    this.#look(request, reply);
    const secrets = [...this.#names].filter(([name]) => /token-|credential/.test(name));
    return [
      ...(tookMs > ANSWERED_WITHIN_MS ? [`it took ${Math.round(tookMs)} ms`] : []),
      ...(reply.status >= 500 ? [`${reply.status}: ${reply.text.slice(0, 300)}`] : []),
      ...(reply.status > 0 ? [] : [`no status: ${received.slice(0, 100)}`]),
      ...(reply.headers.get('x-request-id') ? [] : [`no X-Request-Id: ${received.slice(0, 300)}`]),
      ...(INSIDES.test(received) || received.includes(this.broker.folder)
        ? [`it tells what is inside: ${received.slice(0, 500)}`]
        : []),
      ...(secrets.some(([, secret]) => received.includes(secret)) ? ['it tells a token'] : []),
      ...(/x-injected/i.test(received.split('\r\n\r\n')[0]!) ? ['a header was injected'] : []),
      ...(request.isPlain && request.method !== 'HEAD' ? this.#flawsByContract(request, reply) : []),
    ];
  }

  #flawsByContract({ operation: id }: FuzzedRequest, reply: Reply<unknown>): string[] {
    const operation = this.#contract.operation(id);
    const flaws = this.#contract.flawsIn(operation, reply);
    const isUnread =
      PROTOCOL.has(reply.status) && this.#contract.flawsIn(operation, reply, 'default').length === 0;
    return isUnread ? [] : flaws;
  }

  /** Alive, of use, and without a fault in its log. */
  async flawsAfterwards(): Promise<string[]> {
    await this.#makeNames();
    const { status } = await this.broker.get('/v1/tasks', 'planner');
    const faults = this.broker.log.filter((line) => {
      const { level, msg } = JSON.parse(line) as { level: number; msg: string };
      return level >= 50 && !WITHOUT_TARGET.test(msg);
    });
    return [...(status === 200 ? [] : [`it answers ${status}`]), ...faults];
  }

  #look({ operation, isPlain }: FuzzedRequest, { status, text }: Reply<unknown>): void {
    if (!isPlain || status >= 300) return;
    for (const sign of DEEP[operation] ?? []) if (text.includes(sign)) this.#seen.add(operation + sign);
  }

  /** Routes that the fuzz never got into, or not deep: it knocked at their doors alone. */
  async routesMissed(): Promise<string[]> {
    const { text } = await this.broker.get('/metrics', 'auditor');
    const served = new Set(
      [...text.matchAll(/^mayfly_http_requests_total\{route="([^"]+)",status="2\d\d"\}/gm)].map(
        ([, route]) => route,
      ),
    );
    const missed = this.#contract.operations
      .filter(({ name }) => !served.has(name))
      .map(({ name }) => `${name} was never served`);
    const shallow = Object.entries(DEEP).flatMap(([operation, signs]) =>
      signs
        .filter((sign) => !this.#seen.has(operation + sign))
        .map((sign) => `${operation} never answered ${sign}`),
    );
    return [...missed, ...shallow];
  }

  /** A task and a credential that live, and one of each that do not. */
  async #makeNames(): Promise<void> {
    const { broker } = this;
    for (const agent of ['cluster/agent-1', 'cluster/agent-2', 'cluster/agent-*', 'cluster/none'])
      await broker.call('DELETE', `/v1/quarantines/${agent}`, { as: 'operator' });
    const pair = async (id: string) => {
      await broker.openTask({ id, tools: [...TASK.tools, { tool: 'reports', actions: ['read'] }] });
      return broker.credential('agent-1', { task_id: id, audience: 'crm' });
    };
    const [open, closed] = [`open-${this.#sent}`, `closed-${this.#sent}`];
    const [live, dead] = [await pair(open), await pair(closed)];
    const bound = await this.#boundCredential(open);
    await broker.complete(closed);
    await broker.kill({ agent: QUARANTINED }, { quarantine: true });
    const values: Record<(typeof NAMES)[number], string> = {
      'open-task': open,
      'closed-task': closed,
      lease: live.lease_id,
      'bound-lease': bound.lease_id,
      'dead-lease': dead.lease_id,
      'given-up-lease': this.#givenUp[Math.floor(this.#sent / RENEWED_EVERY) % MOST_GIVEN_UP] ?? '',
      credential: live.access_token,
      'bound-credential': bound.access_token,
      'dead-credential': dead.access_token,
      quarantined: QUARANTINED,
      'status-list': statusOf(live.access_token).uri.split('/').at(-1)!,
    };
    for (const [name, value] of Object.entries(values)) this.#names.set(name, value);
    for (const subject of SUBJECTS) this.#names.set(`token-${subject}`, broker.workloads.token(subject));
    const cnf = { jkt: this.#prover.jkt };
    this.#names.set('token-bound', broker.workloads.sign('agent-1', { cnf }));
  }

  async #boundCredential(task: string): Promise<Credential> {
    const form = this.broker.exchangeForm('agent-1', { task_id: task, audience: 'crm' });
    const headers = { dpop: this.#prover.proof('POST', `${this.broker.url}/token`) };
    return (await this.broker.call<Credential>('POST', '/token', { form, headers })).body;
  }

  /** Good for this request, but for what differs. */
  #proofOf({ method, target, proof }: FuzzedRequest): (readonly [name: string, value: string])[] {
    if (!proof) return [];
    const { header, claims, isBound } = proof;
    const ath = isBound ? { ath: digested(this.#names.get('token-bound')!) } : {};
    const url = this.broker.url + this.#filled(target).split('?')[0]!;
    return [
      ['dpop', this.#prover.proof(method, url, { ...(header && { header }), claims: { ...ath, ...claims } })],
    ];
  }

  #filled(text: string): string {
    if (!text.includes('@@') && !text.includes('%40%40')) return text;
    let filled = text;
    for (const [name, value] of this.#names)
      filled = filled
        .replaceAll(named(name as Name), value)
        .replaceAll(encodeURIComponent(named(name as Name)), value);
    return filled;
  }

  #exchange(request: FuzzedRequest): Promise<string> {
    const { method, target, headers, body } = request;
    const { port, host } = new URL(this.broker.url);
    const bytes = typeof body === 'string' ? Buffer.from(this.#filled(body)) : Buffer.from(body ?? []);
    const lines = [
      `${method} ${this.#filled(target)} HTTP/1.1`,
      `host: ${host}`,
      'connection: close',
      ...[...headers, ...this.#proofOf(request)].map(([name, value]) => `${name}: ${this.#filled(value)}`),
      ...(body === undefined ? [] : [`content-length: ${bytes.length}`]),
    ];
    return new Promise((resolve, reject) => {
      const socket = connect({ port: Number(port), host: '127.0.0.1' });
      let received = '';
      socket.setEncoding('utf8').setTimeout(2 * ANSWERED_WITHIN_MS, () => socket.destroy());
      socket.on('data', (text: string) => {
        received += text;
        // Of a stream that has no end of its own, its beginning is the answer.
        if (/^content-type: text\/event-stream/im.test(received) && received.endsWith('\n\n'))
          socket.destroy();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') reject(error);
      });
      socket.on('close', () => resolve(received));
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      socket.write(bytes);
    });
  }
}

/** The last answer: a 100 (Continue) may stand before it. */
function read(received: string, method: string): Reply<unknown> {
  const whole = received.replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, '');
  const cut = whole.indexOf('\r\n\r\n');
  const [first = '', ...lines] = whole.slice(0, cut).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name.toLowerCase(), value.join(': ')];
    }),
  );
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0),
    headers: { get: (name) => headers.get(name) ?? null },
    text: method === 'HEAD' ? '' : whole.slice(cut + 4),
    body: undefined,
  };
}
