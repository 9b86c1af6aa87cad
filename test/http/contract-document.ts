// Holds answers to the OpenAPI document: their status, type, headers and body, and nothing in them beyond it.
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { OpenApiDocument } from '../../src/http/openapi/document.js';
import { routeName } from '../../src/http/told.js';
import type { Reply } from '../fixtures/broker-client.js';

interface Media {
  readonly schema: { readonly $ref: string };
  readonly example?: unknown;
}
interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Record<string, unknown>;
}
interface Response {
  readonly headers?: Record<string, { readonly $ref: string }>;
  readonly content?: Record<string, Media>;
}
export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, Media> };
  readonly responses: Readonly<Record<string, Response>>;
  readonly security: readonly object[];
  readonly 'x-roles'?: readonly string[];
}

export function operationsOf({ paths }: Pick<OpenApiDocument, 'paths'>): Operation[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      ...(operation as Omit<Operation, 'name' | 'method' | 'path'>),
      name: routeName(method, path),
      method: method.toUpperCase(),
      path,
    })),
  );
}

/** A header that says something: one that comes must be documented. */
const TELLING = ['retry-after', 'www-authenticate', 'location', 'allow', 'dpop-nonce'];
/** Documented, and sent where there is something to say. */
const AT_TIMES = new Set(['dpop-nonce', 'retry-after', 'x-request-id']);
const REQUEST_ID = /^req_[0-9a-hjkmnp-tv-z]{22}$/;

export class Contract {
  readonly operations: readonly Operation[];
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  readonly #fits = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    this.operations = operationsOf(document);
    this.#ajv.addSchema({ $id: 'mayfly', components: closed(document.components) });
  }

  operation(id: string): Operation {
    const operation = this.operations.find(({ operationId }) => operationId === id);
    if (!operation) throw new Error(`no operation ${id}`);
    return operation;
  }

  /** All that is wrong with the answer; empty where it is as documented: under its status, or under `default`. */
  flawsIn(operation: Operation, { status, headers, text }: Reply<unknown>, place = String(status)): string[] {
    const documented = operation.responses[place];
    if (!documented) return [`${status} is not documented: ${text.slice(0, 200)}`];
    const type = headers.get('content-type');
    const names = Object.keys(documented.headers ?? {}).map((name) => name.toLowerCase());
    return [
      ...(REQUEST_ID.test(headers.get('x-request-id') ?? '') ? [] : ['it has no X-Request-Id']),
      ...names
        .filter((name) => headers.get(name) === null && !AT_TIMES.has(name))
        .map((name) => `${name} is missing`),
      ...TELLING.filter((name) => headers.get(name) !== null && !names.includes(name)).map(
        (name) => `${name} is not documented`,
      ),
      ...((status === 429 || status === 503) && names.includes('retry-after') && !headers.get('retry-after')
        ? ['retry-after is missing']
        : []),
      ...this.#flawsInBody(documented, type, text),
    ];
  }

  #flawsInBody({ content = {} }: Response, type: string | null, text: string): string[] {
    const types = Object.keys(content);
    if (types.length === 0)
      return text === '' ? [] : [`a body that is not documented: ${text.slice(0, 200)}`];
    const media = type === null ? undefined : content[type];
    if (!media) return [`content-type ${type}, documented is ${types.join(', ')}`];
    const fits = this.#schema(media.schema.$ref);
    if (fits(type?.includes('json') ? JSON.parse(text) : text)) return [];
    return (fits.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  #schema(reference: string): ValidateFunction {
    const known = this.#fits.get(reference);
    if (known) return known;
    const made = this.#ajv.compile({ $ref: `mayfly${reference}` });
    this.#fits.set(reference, made);
    return made;
  }
}

/** Members that are not documented may come with a later version; of this one, none may. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.fromEntries(Object.entries(schema).map(([name, member]) => [name, closed(member)]));
  return 'properties' in members && !('additionalProperties' in members)
    ? { ...members, additionalProperties: false }
    : members;
}
