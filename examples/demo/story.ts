// The story of one task, from its opening to the question why its last credential died.
import { performance } from 'node:perf_hooks';
import type { Client } from 'pg';
import { verifyReceipt } from '../../src/sdk/verifier/index.js';
import type { Database } from './database.js';
import type { Outcome } from './telling.js';
import { chapter, step, table } from './telling.js';
import type { Answer } from './wire.js';
import { ask } from './wire.js';

export interface Stage {
  readonly broker: string;
  readonly crm: string;
  /** A workload token of this name, fresh enough to be used. */
  readonly tokenOf: (name: string) => Promise<string>;
  /** Where this machine has PostgreSQL. */
  readonly database?: Database;
}

const TASK = 'run-42';
const OTHER_TASK = 'run-43';
/** Calls of agent-7 to the CRM: one that was answered, two that were not permitted, and one too late. */
const CALLS = 4;
/** The kill is on its way to the CRM when the completion is acknowledged: that takes milliseconds, not this long. */
const REFUSED_WITHIN_MS = 1000;
const REPORTED_WITHIN_MS = 3000;
const SETTLED_WITHIN_MS = 5000;
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

export async function tell({ broker, crm, tokenOf, database }: Stage): Promise<void> {
  const readCustomer = { tool: 'crm', actions: ['read'], resources: ['customers/42'] };
  const openTask = async (id: string, agent: string, ...more: object[]): Promise<Answer> =>
    ask(`${broker}/v1/tasks`, {
      bearer: await tokenOf('planner'),
      json: {
        id,
        purpose: 'Summarise what customer 42 bought',
        agents: [`cluster/${agent}`],
        tools: [readCustomer, ...more],
        ttl: '10m',
      },
    });
  const exchange = async (agent: string, asked: Record<string, string>): Promise<Answer> =>
    ask(`${broker}/token`, {
      form: {
        grant_type: TOKEN_EXCHANGE,
        subject_token: await tokenOf(agent),
        subject_token_type: JWT,
        ...asked,
      },
    });
  let credential = '';
  let lease = '';
  const callCrm = (path: string, method: 'GET' | 'POST' = 'GET'): Promise<Answer> =>
    ask(`${crm}${path}`, { method, bearer: credential, headers: { 'x-task-id': TASK } });

  chapter('A task is opened, and an agent gets what it needs for it');

  await step(`planner opens the task ${TASK}: agent-7 may read customer 42, for ten minutes`, async () => {
    const other = await openTask(OTHER_TASK, 'agent-8', { tool: 'mail', actions: ['send'] });
    const readOrders = database ? [{ tool: 'orders', actions: ['read'] }] : [];
    const opened = await openTask(TASK, 'agent-7', ...readOrders);
    return outcome(
      opened,
      opened.status === 201 && other.status === 201,
      `open until ${clockOf(opened.body['deadline'])}; nothing outside this manifest can be had in it`,
    );
  });

  await step('agent-7 exchanges its workload token for a credential for the CRM', async () => {
    const issued = await exchange('agent-7', { task_id: TASK, audience: 'crm' });
    credential = String(issued.body['access_token']);
    lease = String(issued.body['lease_id']);
    return outcome(
      issued,
      issued.status === 200 && issued.body['scope'] === 'read',
      `scope ${String(issued.body['scope'])}, at most ${String(issued.body['expires_in'])} s, recorded as`,
      lease,
    );
  });

  await step('agent-7 reads customer 42', async () => {
    const read = await callCrm('/customers/42');
    return outcome(read, read.status === 200, `the CRM answers: ${JSON.stringify(read.body)}`);
  });

  let login: Login | undefined;
  let session: Client | undefined;
  if (database)
    await step(
      'agent-7 gets a login to the database of orders, and looks up those of customer 42',
      async () => {
        const issued = await exchange('agent-7', { task_id: TASK, audience: 'orders' });
        if (issued.status !== 200) return outcome(issued, false);
        login = JSON.parse(String(issued.body['access_token'])) as Login;
        session = await database.connect(login);
        const { rows } = await session.query<{ what: string }>('SELECT what FROM orders WHERE customer = 42');
        return outcome(
          issued,
          rows.length === 2,
          `the database answers ${rows.map(({ what }) => what).join(', ')}, to a role that is this lease's alone:`,
          login.user,
        );
      },
    );

  chapter('What it may not do, it cannot do');

  await step('agent-7 tries to write a note to customer 42', async () =>
    refused(await callCrm('/customers/42/notes', 'POST'), 403, 'insufficient_scope', 'the CRM'),
  );
  await step('agent-7 tries to read customer 43', async () =>
    refused(await callCrm('/customers/43'), 403, 'insufficient_scope', 'the CRM'),
  );
  await step('agent-7 asks the broker for the credential to write after all', async () =>
    refused(
      await exchange('agent-7', { task_id: TASK, audience: 'crm', scope: 'read write' }),
      400,
      'invalid_scope',
    ),
  );
  await step('agent-7 asks for a tool that its task does not have', async () =>
    refused(await exchange('agent-7', { task_id: TASK, audience: 'search' }), 400, 'invalid_target'),
  );
  await step(`agent-7 asks for something in ${OTHER_TASK}, which is agent-8's`, async () => {
    const theirs = await exchange('agent-7', { task_id: OTHER_TASK, audience: 'crm' });
    const nobodys = await exchange('agent-7', { task_id: 'run-999', audience: 'crm' });
    const told = refused(theirs, 400, 'invalid_target');
    const alike = JSON.stringify(theirs.body) === JSON.stringify(nobodys.body);
    return {
      ...told,
      asTold: told.asTold && alike,
      lines: [...told.lines, 'word for word what it is told of a task that does not exist'],
    };
  });

  chapter('What happens in a task narrows what it may have');

  let mail = '';
  await step(`agent-8, in ${OTHER_TASK}, gets a credential to send mail: policy permits tools`, async () => {
    const issued = await exchange('agent-8', { task_id: OTHER_TASK, audience: 'mail' });
    mail = String(issued.body['access_token']);
    return outcome(issued, issued.status === 200, `scope ${String(issued.body['scope'])}`);
  });
  await step('the CRM reports that what agent-8 read there was written by strangers', async () => {
    const signalled = await ask(`${broker}/v1/tasks/${OTHER_TASK}/signals`, {
      bearer: await tokenOf('crm-api'),
      json: { type: 'untrusted_content' },
    });
    const seen = await ask(`${broker}/introspect`, {
      bearer: await tokenOf('operator'),
      form: { token: mail },
    });
    return outcome(
      signalled,
      signalled.body['ended_leases'] === 1 && seen.body['active'] === false,
      'every live credential of the task was decided again: the one for mail is dead',
    );
  });
  await step('agent-8 asks for another one', async () => {
    const again = await exchange('agent-8', { task_id: OTHER_TASK, audience: 'mail' });
    return refused(again, 400, 'invalid_target');
  });

  chapter('The task is over, and so is everything that was given out for it');

  let completedAt = 0;
  const query = session && endOf(session);
  let stillAnswered = 0;
  await step(`planner completes ${TASK}`, async () => {
    const completed = await ask(`${broker}/v1/tasks/${TASK}/complete`, {
      bearer: await tokenOf('planner'),
      json: { reason: 'the summary was sent' },
    });
    completedAt = performance.now();
    const seen = await ask(`${broker}/v1/tasks/${TASK}`, { bearer: await tokenOf('planner') });
    const counts = seen.body['leases'] as { active: number; revoking: number; revoked: number };
    const ended = counts.revoking + counts.revoked;
    return outcome(
      completed,
      completed.body['outcome'] === 'completed' && counts.active === 0 && ended === (database ? 2 : 1),
      `${ended === 1 ? '1 credential' : `${ended} credentials`} ended, ${counts.active} alive`,
    );
  });

  await step('agent-7 reads customer 42 again, with the credential that it still holds', async () => {
    let read = await callCrm('/customers/42');
    for (; read.status === 200 && performance.now() - completedAt < REFUSED_WITHIN_MS; stillAnswered++)
      read = await callCrm('/customers/42');
    const sinceMs = performance.now() - completedAt;
    const told = refused(read, 401, 'invalid_token', 'the CRM');
    return {
      ...told,
      lines: [
        ...told.lines,
        `${sinceMs.toFixed(1)} ms after the completion was acknowledged, without a call to the broker`,
        ...(stillAnswered === 0 ? [] : [`(${stillAnswered} before that were still answered)`]),
      ],
    };
  });

  if (database && query)
    await step('the query that agent-7 still had under way, and its login', async () => {
      const { why, at } = await query;
      const again = await database.connect(login!).then(
        () => 'it was let in',
        (error: Error) => error.message,
      );
      return {
        asTold: /terminat/.test(why) && /authentication failed/.test(again),
        lines: [
          `ended by the server ${(at - completedAt).toFixed(1)} ms after the completion was acknowledged: ${why}`,
          `and at the door: ${again}`,
        ],
      };
    });

  await step('agent-7 asks for a new one', async () =>
    refused(await exchange('agent-7', { task_id: TASK, audience: 'crm' }), 400, 'invalid_target'),
  );

  chapter('Afterwards: what happened, and why');

  await step(`operator reads the audit log of ${TASK}`, async () => {
    const bearer = await tokenOf('operator');
    const until = performance.now() + REPORTED_WITHIN_MS;
    for (;;) {
      const read = await ask(`${broker}/v1/audit?task=${TASK}`, { bearer });
      const events = (read.body['events'] as AuditEvent[]).toReversed();
      const calls = events.filter(({ action }) => action === 'tool.call').length;
      // The CRM tells of its calls together, now and then, and lets none of them wait for it.
      if (calls < CALLS + stillAnswered && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const refusals = events.filter((event) => event.outcome === 'refused').length;
      return outcome(
        read,
        read.status === 200 && calls === CALLS + stillAnswered && refusals === 6,
        `${events.length} events, ${calls} of them calls that the CRM saw, ${refusals} of them refusals;`,
        'the true reasons are here, and here only',
        ...table(events.map(auditRow)),
      );
    }
  });

  await step('operator asks why the credential died', async () => {
    const read = await ask(`${broker}/v1/leases/${lease}`, { bearer: await tokenOf('operator') });
    const ended = (read.body['ended'] ?? {}) as Record<string, unknown>;
    return outcome(
      read,
      read.body['state'] === 'revoked' && ended['cause'] === 'task' && ended['name'] === TASK,
      `${String(read.body['state'])} at ${clockOf(ended['at'])}, by the end of the ${String(ended['cause'])} ` +
        `${String(ended['name'])}: "${String(ended['reason'])}"`,
      `on request ${String(ended['request_id'])}`,
    );
  });

  await step(`operator keeps the receipt of ${TASK}: signed, to be shown to anybody`, async () => {
    const bearer = await tokenOf('operator');
    const until = performance.now() + SETTLED_WITHIN_MS;
    for (;;) {
      const response = await fetch(`${broker}/v1/tasks/${TASK}/receipt`, {
        headers: { authorization: `Bearer ${bearer}` },
      });
      const text = await response.text();
      // A target may still be letting go.
      if (response.status === 409 && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const keys = (await (await fetch(`${broker}/jwks/receipts`)).json()) as { keys: object[] };
      const receipt = verifyReceipt(text, { issuer: broker, keys, task: TASK });
      if (!receipt) return { asTold: false, lines: [`${response.status} ${text}`] };
      const { credentials } = receipt;
      return {
        asTold: credentials.every(({ confirmed_at: at }) => at !== undefined),
        lines: [
          `${receipt.task.outcome}, by ${receipt.task.closed_by}; of each credential, when its end was ordered and confirmed:`,
          ...table(
            credentials.map(({ tool, kind, requested_at: requested, confirmed_at: confirmed }) => [
              `${tool} (${kind})`,
              clockOf(requested),
              clockOf(confirmed),
            ]),
          ),
        ],
      };
    }
  });
}

/** What an agent gets of a database: docs/postgres.md. */
interface Login {
  readonly user: string;
  readonly password: string;
}

/** When and why a query ended that would have gone on for a minute. */
async function endOf(session: Client): Promise<{ readonly why: string; readonly at: number }> {
  const why = await session.query('SELECT pg_sleep(60)').then(
    () => 'it came to its end',
    (error: Error) => error.message,
  );
  return { why, at: performance.now() };
}

interface AuditEvent {
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly principal?: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

function auditRow({ at, action, outcome: end, reason, principal = 'mayfly', detail }: AuditEvent): string[] {
  const called = `${String(detail['action'])} ${String(detail['resource'])}`;
  const said = detail['reason'];
  const why = reason ?? (typeof said === 'string' ? said : '');
  const found = action === 'tool.call' ? [called, why].filter(Boolean).join(': ') : why;
  return [clockOf(at), principal, action, end, found];
}

/** The time of day of an RFC 3339 time. */
const clockOf = (at: unknown): string => String(at).slice(11, 23);

const outcome = ({ status, body, ms }: Answer, asTold: boolean, ...lines: string[]): Outcome => ({
  asTold,
  ms,
  lines: asTold ? lines : [`${status} ${JSON.stringify(body)}`],
});

const refused = (answer: Answer, status: number, error: string, by = 'the broker'): Outcome =>
  outcome(
    answer,
    answer.status === status && answer.body['error'] === error,
    `refused by ${by}: ${answer.status} ${error}`,
    String(answer.body['error_description']),
  );
