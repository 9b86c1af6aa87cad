// The OpenAPI 3.1 document: the table of access, the schemas of the wire and what is said about each route, put together.
import type { Role } from '../../domain/principal.js';
import type { Access, Dialect, RouteName } from '../access.js';
import { ACCESS, dialectOf } from '../access.js';
import { routeName } from '../told.js';
import { OPEN_ROUTES, TOKEN_ROUTE } from './open.js';
import type { DocumentedRefusals } from './refusals.js';
import { exchangeRefusals, refusalsOf } from './refusals.js';
import type { DocumentedAnswer, DocumentedRoute, HeaderName } from './route.js';
import { HEADERS, TAGS } from './route.js';
import { ROUTES } from './routes.js';
import type { JsonSchema, SchemaName } from './schemas.js';
import { componentSchemas, referenceTo, schemaOf } from './schemas.js';

type Members = Record<string, unknown>;

export interface OpenApiDocument extends Members {
  readonly openapi: '3.1.1';
  readonly paths: Readonly<Record<string, Members>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> } & Members;
}

const ABOUT = `Just-in-time credentials for AI agents: each lives exactly as long as one task.

Callers send their own workload token, \`Authorization: Bearer <token>\`; which roles it has is said in the broker's
configuration. A token or credential that is bound to a key is sent with a proof of that key
(\`Authorization: DPoP <token>\` and a \`DPoP\` header, RFC 9449).

OAuth endpoints (\`/token\`, \`/introspect\`, \`/revoke\`) take forms, and answer errors as RFC 6749 §5.2 says.
\`/aws/credentials\` answers in the words of AWS. Everything else takes and answers JSON, with errors as problem details (RFC 9457). Unknown, not yours and forbidden look
alike. Every answer has an \`X-Request-Id\`, under which the audit log has the true reason.

Members may be added to answers: ignore what you do not know. Unknown members of requests are refused.
GET routes answer HEAD too. Another method is 405 with \`Allow\`, another address 404. A fault of ours is 500, and what
cannot be read as a request is 400, 408, 413, 414 or 431; a request too many at once on one connection is 429: each with
the same kind of body, under \`default\`.`;

export function openApiDocument(broker: {
  readonly issuer: string;
  readonly version: string;
}): OpenApiDocument {
  const paths: Record<string, Members> = {
    '/token': {
      post: operation('exchangeToken', TOKEN_ROUTE, exchangeRefusals(TOKEN_ROUTE.refusals ?? []), {
        dialect: 'oauth',
        form: true,
      }),
    },
  };
  for (const [name, access] of Object.entries(ACCESS) as [RouteName, Access][]) {
    const [method = '', path = ''] = routeName(access.method, access.path).split(' ');
    (paths[path] ??= {})[method.toLowerCase()] = operationOf(name, access);
  }
  for (const [path, route] of Object.entries(OPEN_ROUTES)) {
    const [, plain = ''] = routeName('get', path).split(' ');
    paths[plain] = { get: operation(route.operationId, route, new Map(), { dialect: 'problem' }) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Mayfly',
      summary: 'Just-in-time credential broker for AI agents',
      description: ABOUT,
      version: broker.version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: broker.issuer, description: 'The issuer.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: componentSchemas(),
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, description]) => [
          name,
          { description, schema: { type: 'string' }, ...(name === 'X-Request-Id' && { required: true }) },
        ]),
      ),
      securitySchemes: {
        workloadToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of an issuer that the broker trusts.',
        },
        boundWorkloadToken: {
          type: 'http',
          scheme: 'dpop',
          description: 'A token that is bound to a key, with a proof in the `DPoP` header (RFC 9449 §7).',
        },
      },
    },
  };
}

interface Terms {
  readonly dialect: Dialect;
  readonly form?: boolean;
  readonly roles?: readonly Role[];
}

function operationOf(name: RouteName, access: Access): Members {
  const route = ROUTES[name];
  const dialect = dialectOf(access);
  const refusals = refusalsOf(access, route.refusals ?? []);
  return operation(name, route, refusals, { dialect, form: access.body === 'form', roles: access.roles });
}

function operation(
  operationId: string,
  route: DocumentedRoute,
  refusals: ReadonlyMap<number, DocumentedRefusals>,
  { dialect, form = false, roles }: Terms,
): Members {
  const { tag, summary, description, body, answers } = route;
  const parameters = [...pathParameters(route), ...queryParameters(route), ...proofParameter(route)];
  const told = [description, roles && `For: ${roles.join(', ')}.`].filter(Boolean).join('\n\n');
  const responses: Members = {};
  const withProof = roles !== undefined || route.takesProof === true;
  for (const [status, answer] of Object.entries(answers)) responses[status] = responseOf(answer, withProof);
  for (const [status, refused] of refusals) responses[status] = refusalOf(refused, dialect, withProof);
  responses['default'] = fault(dialect, withProof);
  return {
    operationId,
    tags: [tag],
    summary,
    ...(told !== '' && { description: told }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        ...(!body.optional && { required: true }),
        content: {
          [form ? 'application/x-www-form-urlencoded' : 'application/json']: {
            schema: referenceTo(body.schema),
            example: body.example,
          },
        },
      },
    }),
    responses,
    security: roles ? [{ workloadToken: [] }, { boundWorkloadToken: [] }] : [],
    ...(roles && { 'x-roles': roles }),
  };
}

const pathParameters = ({ path = {} }: DocumentedRoute): Members[] =>
  Object.entries(path).map(([name, { description, schema }]) => ({
    name,
    in: 'path',
    required: true,
    description,
    schema: schemaOf(schema),
  }));

function queryParameters({ query }: DocumentedRoute): Members[] {
  if (!query) return [];
  const { properties = {}, required = [] } = schemaOf(query) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    ...(required.includes(name) && { required: true }),
    ...(description !== undefined && { description }),
    schema,
  }));
}

const proofParameter = ({ takesProof }: DocumentedRoute): Members[] =>
  takesProof
    ? [
        {
          name: 'DPoP',
          in: 'header',
          description: 'A proof of possession (RFC 9449 §4): the credential is bound to its key.',
          schema: { type: 'string' },
        },
      ]
    : [];

/** The next nonce comes with whatever is answered to a proof (RFC 9449 §8.2). */
const headersOf = (names: readonly HeaderName[], withProof: boolean): Members =>
  Object.fromEntries(
    [...new Set([...names, ...(withProof ? (['DPoP-Nonce'] as const) : [])])].map((name) => [
      name,
      { $ref: `#/components/headers/${name}` },
    ]),
  );

const content = (type: string, schema: SchemaName, example: unknown): Members => ({
  [type]: { schema: referenceTo(schema), ...(example !== undefined && { example }) },
});

const responseOf = (
  { description, schema, type, example, headers = [] }: DocumentedAnswer,
  withProof: boolean,
): Members => ({
  description,
  headers: headersOf(['X-Request-Id', 'Cache-Control', ...headers], withProof),
  ...(schema && { content: content(type ?? 'application/json', schema, example) }),
});

const ERROR_TYPE = {
  oauth: 'application/json',
  aws: 'application/json',
  problem: 'application/problem+json',
} as const;
const ERROR_SCHEMA = { oauth: 'OAuthError', aws: 'AwsError', problem: 'Problem' } as const;

function refusalOf(
  { said, headers, example }: DocumentedRefusals,
  dialect: Dialect,
  withProof: boolean,
): Members {
  return {
    description: said.map(({ code, say }) => `- \`${code}\`: ${say}`).join('\n'),
    headers: headersOf(['X-Request-Id', ...headers], withProof),
    content: content(ERROR_TYPE[dialect], ERROR_SCHEMA[dialect], example),
  };
}

const fault = (dialect: Dialect, withProof: boolean): Members => ({
  description: 'A fault of ours, or no request that can be read.',
  headers: headersOf(['X-Request-Id', 'Retry-After'], withProof),
  content: {
    ...content(ERROR_TYPE[dialect], ERROR_SCHEMA[dialect], undefined),
    // What cannot be read as a request is answered before anybody knows where it was to go.
    ...(dialect !== 'problem' && content(ERROR_TYPE.problem, ERROR_SCHEMA.problem, undefined)),
  },
});
