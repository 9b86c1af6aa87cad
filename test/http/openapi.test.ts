// The OpenAPI document: valid, whole, fresh in docs/, and served to everybody.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { ACCESS, PUBLIC_PATHS } from '../../src/http/access.js';
import { openApiDocument } from '../../src/http/openapi/document.js';
import { routeName } from '../../src/http/told.js';
import { ownVersion } from '../../src/version.js';
import { TestBroker } from '../fixtures/broker.js';

const PATH = 'docs/openapi.json';
const document = openApiDocument({ issuer: 'https://mayfly.example', version: ownVersion() });
const plain = JSON.parse(JSON.stringify(document)) as Record<string, unknown>;

test('docs/openapi.json is fresh (`npm run openapi` writes it anew)', () => {
  expect(JSON.parse(readFileSync(PATH, 'utf8'))).toEqual(plain);
});

test('it is an OpenAPI 3.1 document', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(plain));
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
});

interface Media {
  readonly schema: { readonly $ref: string };
  readonly example?: unknown;
}
interface WithContent {
  readonly content?: Record<string, Media>;
}
interface Operation {
  readonly operationId: string;
  readonly requestBody?: WithContent;
  readonly responses: Record<string, WithContent>;
}

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    name: routeName(method, path),
    operation: operation as Operation,
  })),
);

test('every route is there, and no other', () => {
  const routes = [
    'POST /token',
    ...Object.values(ACCESS).map(({ method, path }) => routeName(method, path)),
    ...PUBLIC_PATHS.map((path) => routeName('get', path)),
  ];
  expect(operations.map(({ name }) => name).sort()).toEqual(routes.sort());
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

describe('examples', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'mayfly', components: document.components });
  const examples = operations.flatMap(({ name, operation }) => {
    const bodies: Record<string, WithContent> = {
      request: operation.requestBody ?? {},
      ...operation.responses,
    };
    return Object.entries(bodies).flatMap(([part, { content = {} }]) =>
      Object.values(content)
        .filter(({ example }) => example !== undefined)
        .map((media): [name: string, media: Media] => [`${name} ${part}`, media]),
    );
  });

  test.each(examples)('%s fits its schema', (_name, { schema, example }) => {
    const fits = ajv.compile({ $ref: `mayfly${schema.$ref}` });
    fits(example);
    expect(fits.errors).toBeNull();
  });

  test('every request that has a body has one, and every answer of JSON but this document', () => {
    const named = new Set(examples.map(([name]) => name));
    const wanting = operations.flatMap(({ name, operation: { operationId, requestBody, responses } }) => [
      ...(requestBody ? [`${name} request`] : []),
      ...Object.entries(responses)
        .filter(([status]) => status !== 'default' && operationId !== 'openapi')
        .filter(([, { content = {} }]) => Object.keys(content).some((type) => type.includes('json')))
        .map(([status]) => `${name} ${status}`),
    ]);
    expect(wanting.filter((name) => !named.has(name))).toEqual([]);
  });
});

test('everything that a caller meets is described', () => {
  const members = Object.entries(document.components.schemas).flatMap(([name, schema]) =>
    Object.entries((schema['properties'] ?? {}) as Record<string, Record<string, unknown>>).map(
      ([member, about]) => ({ name: `${name}.${member}`, about }),
    ),
  );
  // Names that say it themselves.
  const plainNames = /\.(?:id|kid|tool|task_id|lease_id|reason|labels|actions|message|active|preview)$/;
  const silent = members.filter(
    ({ name, about }) =>
      /^(?:Task|Lease|TokenResponse|NewTask|Problem|Revocation|Tool)\./.test(name) &&
      !('description' in about || '$ref' in about || 'enum' in about) &&
      !plainNames.test(name),
  );
  expect(silent.map(({ name }) => name)).toEqual([]);
});

test('it is served to everybody, with the issuer as the server, to be kept for a while', async () => {
  const broker = await TestBroker.start();
  try {
    const { status, headers, body } = await broker.call('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(body['servers']).toEqual([{ url: broker.url, description: 'The issuer.' }]);
    expect({ ...body, servers: 0 }).toEqual({ ...plain, servers: 0 });
  } finally {
    await broker.stop();
  }
});
