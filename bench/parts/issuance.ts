// What agents ask of a broker, task after task: the requests, the tasks that they are for, and the proof that all of it was done.
import { randomInt } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { tokenFor, TOOL, TRUST_NAME } from './broker.js';
import { Connection } from './connection.js';
import { formRequest, getRequest, jsonRequest } from './request.js';
import { ALGORITHM } from './workload.js';

const TASKS = 500;
export const AGENTS = 200;
/** Of a load whose requests may be sent again: enough to be any mix of agents and tasks. */
const DISTINCT_REUSED = 4000;
/** What every server must hand out: an access token by RFC 9068. */
const EXPECTED = { audience: TOOL.audience, typ: 'at+jwt', requiredClaims: ['jti', 'exp'] };

export const agents = Array.from({ length: AGENTS }, (_, index) => `agent-${index}`);
const tasks = Array.from({ length: TASKS }, (_, index) => `run-${index}`);
export const anyOf = <Item>(items: readonly Item[]): Item => items[randomInt(items.length)]!;

export const TASK_BODY = {
  purpose: 'to be measured',
  agents: [`${TRUST_NAME}/agent-*`],
  tools: [{ tool: TOOL.name, actions: TOOL.actions }],
};

export type Requests = () => Buffer | undefined;

export async function openTasks(url: string, ids: readonly string[] = tasks): Promise<void> {
  const planner = tokenFor('planner');
  const connection = await Connection.open(url);
  for (const id of ids) {
    const body = { id, ...TASK_BODY, ttl: '1h' };
    const { status } = await connection.exchange(jsonRequest(url, '/v1/tasks', body, planner));
    if (status !== 201) throw new Error(`opening ${id} was answered ${status}`);
  }
  connection.close();
}

/** Each with a workload token that no broker has seen. */
export const withNewTokens = (url: string, count: number): Requests =>
  each(Array.from({ length: count }, () => exchange(url, tokenFor(anyOf(agents)))));

/** Of agents that have one token each: any number of them. */
export function withKnownTokens(url: string): Requests {
  const known = agents.map(tokenFor);
  return again(Array.from({ length: DISTINCT_REUSED }, () => exchange(url, anyOf(known))));
}

const exchange = (url: string, token: string): Buffer =>
  formRequest(url, '/token', {
    grant_type: TOKEN_EXCHANGE,
    subject_token: token,
    subject_token_type: TOKEN_TYPE.jwt,
    task_id: anyOf(tasks),
    audience: TOOL.name,
    scope: 'read',
  });

export function each(requests: readonly Buffer[]): Requests {
  let sent = 0;
  return () => requests[sent++];
}

export function again(requests: readonly Buffer[]): Requests {
  let sent = 0;
  return () => requests[sent++ % requests.length];
}

export async function verifyCredentials(
  { url, issuer }: { url: string; issuer: string },
  bodies: readonly Buffer[],
): Promise<void> {
  const keys = createLocalJWKSet((await (await fetch(`${url}/jwks`)).json()) as JSONWebKeySet);
  if (bodies.length === 0) throw new Error(`${url} handed out nothing to verify`);
  for (const body of bodies) {
    const { access_token: token } = JSON.parse(body.toString('utf8')) as { access_token: string };
    await jwtVerify(token, keys, { ...EXPECTED, issuer });
    if (decodeProtectedHeader(token).alg !== ALGORITHM) throw new Error(`${url} signed by another algorithm`);
  }
}

/** Every credential that was handed out must be a lease in the store, and nothing else may be. */
export async function checkLeases(url: string, handedOut: number): Promise<void> {
  const planner = tokenFor('planner');
  const connection = await Connection.open(url);
  let leases = 0;
  for (const id of tasks) {
    const { body } = await connection.exchange(getRequest(url, `/v1/tasks/${id}`, planner));
    const task = JSON.parse(body.toString('utf8')) as { leases: Record<string, number> };
    leases += Object.values(task.leases).reduce((sum, count) => sum + count, 0);
  }
  connection.close();
  if (leases !== handedOut)
    throw new Error(`${handedOut} credentials were handed out, ${leases} leases recorded`);
  console.log(`checked: ${leases} credentials handed out, each of them a lease in the store`);
}
