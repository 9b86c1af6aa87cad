// Requests from the contract: as every role and as nobody, most of them nearly right, some of them absurd.
import * as fc from 'fast-check';
import { METHODS } from 'node:http';
import type { Operation } from '../contract-document.js';
import type { FuzzedProof } from './proofs.js';
import { proofOf } from './proofs.js';
import type { JsonSchema, Schemas } from './values.js';
import type { Name } from './values.js';
import { NAMES, fitting, named, nearly, oddText, oddValue } from './values.js';
import { WHOLE_QUERIES, WHOLES } from './wholes.js';

export interface FuzzedRequest {
  /** The id of the operation that it is about, whatever became of it. */
  readonly operation: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | Uint8Array | undefined;
  /** Sent as a header beside the others. */
  readonly proof?: FuzzedProof;
  /** Whether method and path are those of the operation, so that its contract applies. */
  readonly isPlain: boolean;
}

const HOLDERS: Readonly<Record<string, string>> = {
  agent: 'agent-1',
  orchestrator: 'planner',
  operator: 'operator',
  auditor: 'auditor',
  verifier: 'gateway',
  approver: 'approver',
};
export const SUBJECTS = [...Object.values(HOLDERS), 'agent-2', 'nobody'];

/** CONNECT asks for a tunnel: there is no answer to it, but the end of the connection. */
const OTHER_METHODS = METHODS.filter((method) => method !== 'CONNECT');

export function requests(operations: readonly Operation[], schemas: Schemas): fc.Arbitrary<FuzzedRequest> {
  return fc.oneof(...operations.map((operation) => requestsOf(operation, schemas)));
}

function requestsOf(operation: Operation, schemas: Schemas): fc.Arbitrary<FuzzedRequest> {
  return fc
    .record({
      method: mostly(fc.constant(operation.method), fc.constantFrom(...OTHER_METHODS)),
      path: mostly(pathOf(operation), absurdPath),
      query: queryOf(operation, schemas),
      authorization: authorizationOf(operation),
      proof: proofOf(operation),
      body: bodyOf(operation, schemas),
      more: otherHeaders,
    })
    .map(({ method, path, query, authorization: shown, proof, body, more }) => ({
      operation: operation.operationId,
      method,
      target: path + query,
      headers: [...(proof?.isBound ? BOUND : shown), ...body.headers, ...more],
      body: body.bytes,
      ...(proof && { proof }),
      isPlain: method === operation.method && isPathOf(path, operation),
    }));
}

const mostly = <T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: other });

/** Lone halves of surrogate pairs have no place in an address. */
const encoded = (text: string): string => encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));

const anyPlace = fc.oneof(
  fc.constantFrom(...NAMES.map(named), 'cluster/agent-1'),
  oddText.map(encoded).filter((text) => text !== ''),
);

const PLACES = [
  ['/v1/tasks/', ['open-task', 'open-task', 'closed-task']],
  ['/v1/leases/', ['lease', 'bound-lease', 'dead-lease', 'given-up-lease']],
  ['/v1/quarantines/', ['quarantined']],
  ['/status-lists/', ['status-list']],
] as const;

function pathOf({ path }: Operation): fc.Arbitrary<string> {
  const [, names] = PLACES.find(([start]) => path.startsWith(`${start}{`)) ?? [];
  if (!names) return fc.constant(path);
  const likely = fc.constantFrom<Name>(...names).map(named);
  return fc
    .oneof({ weight: 4, arbitrary: likely }, { weight: 1, arbitrary: anyPlace })
    .map((name) => path.replace(/\{\w+\}/, () => name));
}

/** What the router takes for this operation: a name is one segment, but for agents, whose names have slashes. */
function isPathOf(path: string, { path: template }: Operation): boolean {
  const name = template.includes('{agent}') ? '[^?#]+' : '[^/?#]+';
  if (/%(?![0-9a-f]{2})/i.test(path)) return false;
  // Two dots are a step upwards to some, and a name to others.
  return (
    new RegExp(`^${template.replace(/\{\w+\}/, name)}$`).test(path) && !/(?:^|\/)\.{1,2}(?:\/|$)/.test(path)
  );
}

const absurdPath = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '/v1',
    '/v1/',
    '/V1/tasks',
    '/v1/tasks/',
    '/v1//tasks',
    '/v1/tasks/..%2f..%2fetc',
    '/v1/tasks/%00',
    '/v1/tasks/%ff',
    '/v1/tasks/%',
    '/../../etc/passwd',
    '/./token',
    '/token/',
    '/token;x=1',
    '*',
    'http://elsewhere.example/token',
    'http://elsewhere.example/v1/tasks',
    '/__proto__',
    '/constructor',
    '/v1/quarantines/',
    '/.well-known/../v1/tasks',
    `/${'a/'.repeat(500)}`,
    `/v1/tasks/${'x'.repeat(7000)}`,
  ),
  oddText.map((text) => `/${encoded(text)}`),
  fc.stringMatching(/^\/[!-~]{0,40}$/),
);

function queryOf({ operationId, parameters = [] }: Operation, schemas: Schemas): fc.Arbitrary<string> {
  const known = parameters
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, schema }) =>
      fc.tuple(fc.constant(name), fc.oneof(fitting(schema as JsonSchema, schemas, name), oddValue)),
    );
  const pairs = known.length > 0 ? fc.array(fc.oneof(...known), { maxLength: 4 }) : fc.constant([]);
  const strange = fc.array(fc.tuple(oddText, oddValue), { maxLength: 3 });
  const text = fc
    .tuple(pairs, mostly<[string, unknown][]>(fc.constant([]), strange))
    .map(([some, others]) =>
      [...some, ...others].map(([name, value]) => `${encoded(name)}=${encoded(asText(value))}`).join('&'),
    );
  const wholes = WHOLE_QUERIES[operationId] ?? [];
  const likely = wholes.length === 0 ? text : fc.oneof(text, fc.constantFrom(...wholes));
  return mostly(likely, fc.stringMatching(/^[!-~]{0,60}$/)).map((query) => (query === '' ? '' : `?${query}`));
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

type Headers = readonly (readonly [string, string])[];

/** What may stand in a header at all; what may not is refused by whoever would send it. */
const headerText = fc.stringMatching(/^[!-~]([ -~]{0,80}[!-~])?$/);

const broken = fc.oneof(
  fc.constantFrom(
    'Bearer',
    'Bearer ',
    'Bearer  ',
    'Basic dXNlcjpwYXNz',
    'bearer x',
    'Bearer eyJhbGciOiJub25lIn0.e30.',
    'Bearer ..',
    `Bearer ${'a'.repeat(5000)}`,
    `Bearer ${named('credential')}`,
    `Bearer ${named('token-agent-1')}x`,
    `Bearer ${named('token-agent-1')} ${named('token-operator')}`,
    `DPoP ${named('token-operator')}`,
    'DPoP',
    named('token-operator'),
  ),
  headerText,
);

const bearer = (subject: string): Headers => [['authorization', `Bearer ${named(`token-${subject}`)}`]];

const BOUND: Headers = [['authorization', `DPoP ${named('token-bound')}`]];

/** Mostly somebody who may. */
function authorizationOf({ security, 'x-roles': roles = [] }: Operation): fc.Arbitrary<Headers> {
  const strange = broken.map((value): Headers => [['authorization', value]]);
  if (security.length === 0) return mostly(fc.constant<Headers>([]), strange);
  const holders = roles.map((role) => HOLDERS[role]).filter((holder) => holder !== undefined);
  return fc.oneof(
    { weight: 14, arbitrary: fc.constantFrom(...holders).map(bearer) },
    { weight: 4, arbitrary: fc.constantFrom(...SUBJECTS).map(bearer) },
    { weight: 1, arbitrary: fc.constant<Headers>([]) },
    { weight: 1, arbitrary: strange },
  );
}

const otherHeaders: fc.Arbitrary<Headers> = mostly(
  fc.constant<Headers>([]),
  fc.array(
    fc.tuple(
      fc.constantFrom(
        'dpop',
        'traceparent',
        'tracestate',
        'x-forwarded-for',
        'forwarded',
        'x-request-id',
        'accept',
        'accept-encoding',
        'if-none-match',
        'range',
        'cookie',
        'origin',
        'expect',
        'upgrade',
        'te',
        'x-http-method-override',
        'content-encoding',
      ),
      fc.oneof(
        headerText,
        fc.constantFrom(
          '100-continue',
          'websocket',
          'gzip',
          'bytes=0-1',
          'text/html',
          '127.0.0.1, 10.0.0.1',
          'for=127.0.0.1',
          'DELETE',
          '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
          'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2In0.e30.AA',
        ),
      ),
    ),
    { minLength: 1, maxLength: 4 },
  ),
);

interface Body {
  readonly headers: Headers;
  readonly bytes: string | Uint8Array | undefined;
}

function bodyOf({ operationId, requestBody }: Operation, schemas: Schemas): fc.Arbitrary<Body> {
  const absurd: fc.Arbitrary<Body> = fc
    .tuple(
      fc.oneof(
        oddText,
        fc.uint8Array({ maxLength: 200 }),
        fc.json({ maxDepth: 4 }),
        fc.constantFrom(
          '{',
          '[]',
          'null',
          '"',
          '{"a":1,"a":2}',
          '{"__proto__":{"x":1}}',
          '\ufeff{}',
          '['.repeat(5000),
          'x'.repeat(70_000),
          '&'.repeat(3000),
          '=&'.repeat(3000),
          'a=1&'.repeat(2000),
        ),
      ),
      fc.constantFrom(
        'application/json',
        'application/x-www-form-urlencoded',
        'text/plain',
        'application/json; charset=utf-16',
        'multipart/form-data; boundary=x',
        'application/jsonx',
        ';',
        '*/*',
      ),
    )
    .map(([bytes, type]) => ({ headers: [['content-type', type]], bytes }));
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (type === undefined || !media) {
    return mostly(fc.constant<Body>({ headers: [], bytes: undefined }), absurd);
  }
  const fits = fitting(media.schema, schemas);
  const wholes = WHOLES[operationId]?.map((whole) => fc.constant<unknown>(whole)) ?? [];
  const likely = fc.oneof(fits, ...wholes);
  const value = fc.oneof({ weight: 6, arbitrary: likely }, { weight: 4, arbitrary: nearly(likely) });
  const isForm = type.includes('form');
  const right = fc
    .tuple(value, fc.constantFrom('', '', '', '; charset=utf-8'))
    .map(([members, more]): Body => ({
      headers: [['content-type', type + more]],
      bytes: isForm ? formText(members) : (JSON.stringify(members) ?? ''),
    }));
  return fc.oneof(
    { weight: 8, arbitrary: right },
    { weight: 2, arbitrary: absurd },
    { weight: 1, arbitrary: fc.constant<Body>({ headers: [], bytes: undefined }) },
  );
}

const formText = (members: unknown): string =>
  Object.entries(members ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encoded(name)}=${encoded(asText(value))}`)
    .join('&');
