// The route of several credentials at once: for an agent that needs a tool, a database and a cloud for the same task.
import { AuditEntry } from '../audit/entry.js';
import type { TaskId } from '../domain/ids.js';
import { isTaskId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import { issueCredential } from '../issuance/issue-credential.js';
import type { CredentialsRequest } from '../wire/credentials.js';
import { credentialsBody } from '../wire/credentials.js';
import type { Answer } from './answer.js';
import { ok } from './answer.js';
import type { Call, Edge, Respond } from './call.js';
import { settle } from './call.js';
import { credentialAsked } from './credential-asked.js';
import { overRate } from './limited.js';
import { parse } from './parse.js';
import { tokenResponse } from './views.js';

const ROUTE = 'POST /v1/tasks/:id/credentials';
type Wanted = CredentialsRequest['credentials'][number];

export const credentialRoutes = (edge: Edge) =>
  ({
    issueCredentials: async (call) => {
      const { id = '' } = call.params;
      if (!isTaskId(id)) return new Refusal('task_unknown', `${id.slice(0, 80)} is not a task id`);
      const asked = parse(credentialsBody, call.body);
      if (asked instanceof Refusal) return asked;
      const { entry } = call;
      entry.facts.taskId = id;
      const credentials: Answer[] = [];
      // One after the other: which of two that exclude each other is had is then the agent's choice, and not chance.
      for (const wanted of asked.credentials)
        credentials.push(await exchanged(edge, call, id, wanted, credentials.length > 0));
      entry.learn({
        asked: credentials.length,
        issued: credentials.filter(({ status }) => status === 200).length,
      });
      return ok({ credentials: credentials.map(viewOf) });
    },
  }) satisfies Record<string, Respond>;

/** Decided and recorded by itself, under the same request id. `counts`: it is one more request of the agent's. */
async function exchanged(
  edge: Edge,
  { principal, provenKey, entry }: Call,
  taskId: TaskId,
  wanted: Wanted,
  counts: boolean,
): Promise<Answer> {
  const facts = { principal: principal.name, taskId, detail: { ...entry.facts.detail } };
  const own = new AuditEntry(entry.requestId, 'token.exchange', facts, entry.trace);
  return settle(edge, { entry: own, dialect: 'oauth', route: ROUTE }, async () => {
    const over = counts ? overRate(edge, principal) : undefined;
    const { authorization_details: details, requested_expiry: expiry, ...rest } = wanted;
    const asked = over ?? credentialAsked(taskId, { ...rest, details, expiry });
    if (asked instanceof Refusal) return asked;
    const bound = provenKey === undefined ? asked : { ...asked, provenKey };
    const issued = await issueCredential(edge.broker, principal, bound, own);
    return issued instanceof Refusal ? issued : ok(tokenResponse(issued, issued.lease.issuedAt));
  });
}

const viewOf = ({ status, body }: Answer): object =>
  status === 200 ? (body as object) : { ...(body as object), status };
