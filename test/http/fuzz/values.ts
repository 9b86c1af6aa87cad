// Values from the schemas of the contract: some that fit, some that nearly do, and some that nobody would expect.
import * as fc from 'fast-check';

export type JsonSchema = Readonly<Record<string, unknown>>;
export type Schemas = Readonly<Record<string, JsonSchema>>;

/** Names at a running broker, put in when a request is sent: the same request can be sent to another broker. */
export const NAMES = [
  'open-task',
  'closed-task',
  'lease',
  'bound-lease',
  'dead-lease',
  'given-up-lease',
  'credential',
  'bound-credential',
  'dead-credential',
  'quarantined',
  'status-list',
] as const;
export type Name = (typeof NAMES)[number] | `token-${string}`;
export const named = (name: Name): string => `@@${name}@@`;

const AGENTS = ['cluster/agent-1', 'cluster/agent-2', 'cluster/agent-*', 'cluster/none'];

/** What a member of this name is likely to be, so that requests get further than to the first check. */
const LIKELY: Readonly<Record<string, readonly unknown[]>> = {
  id: [named('open-task'), named('closed-task'), named('lease'), 'new-task', `${named('open-task')}.child`],
  parent: [named('open-task'), named('closed-task')],
  task: [named('open-task'), named('closed-task')],
  tree: [named('open-task')],
  task_id: [named('open-task'), named('closed-task')],
  lease: [named('lease'), named('dead-lease')],
  agent: AGENTS,
  agents: [AGENTS, ['*']],
  tool: ['crm', 'search', 'reports', 'reports'],
  tools: [[{ tool: 'crm', actions: ['read'] }], [{ tool: 'search', actions: ['query'], resources: ['a/*'] }]],
  audience: ['crm', 'search'],
  resource: ['https://crm.example', 'https://search.example'],
  scope: ['read', 'read write', 'query'],
  authorization_details: ['[{"type":"mayfly_tool","resources":["a"]}]'],
  token: [named('credential'), named('bound-credential'), named('dead-credential'), named('token-agent-1')],
  subject_token: [named('token-agent-1'), named('token-agent-2'), named('credential')],
  ttl: ['30m', 5400, '90m'],
  deadline: [new Date(Date.now() + 3_600_000).toISOString()],
};

const DEEPEST = 4;

/** A value that fits the schema, as far as a schema can say. */
export function fitting(schema: JsonSchema, schemas: Schemas, name = '', depth = 0): fc.Arbitrary<unknown> {
  const byForm = byType(resolved(schema, schemas), schemas, depth);
  const likely = LIKELY[name];
  return likely ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...likely) }, byForm) : byForm;
}

function byType(schema: JsonSchema, schemas: Schemas, depth: number): fc.Arbitrary<unknown> {
  const {
    enum: options,
    const: only,
    anyOf,
    type,
  } = schema as {
    enum?: unknown[];
    const?: unknown;
    anyOf?: JsonSchema[];
    type?: string;
  };
  if (only !== undefined) return fc.constant(only);
  if (options) return fc.constantFrom(...options);
  if (anyOf) return fc.oneof(...anyOf.map((one) => fitting(one, schemas, '', depth)));
  if (type === 'object') return objectOf(schema, schemas, depth);
  if (type === 'array') {
    const { items = {}, minItems = 0 } = schema as { items?: JsonSchema; minItems?: number };
    return fc.array(fitting(items, schemas, '', depth + 1), { minLength: minItems, maxLength: minItems + 2 });
  }
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer' || type === 'number') return numberOf(schema, type);
  if (type === 'string') return textOf(schema);
  return fc.jsonValue({ maxDepth: 1 });
}

const resolved = (schema: JsonSchema, schemas: Schemas): JsonSchema => {
  const reference = schema['$ref'];
  return typeof reference === 'string' ? schemas[reference.split('/').at(-1)!]! : schema;
};

function objectOf(schema: JsonSchema, schemas: Schemas, depth: number): fc.Arbitrary<unknown> {
  const {
    properties,
    required = [],
    propertyNames,
    additionalProperties: values = {},
  } = schema as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
    propertyNames?: JsonSchema;
    additionalProperties?: JsonSchema;
  };
  if (!properties || depth > DEEPEST) {
    const names = propertyNames ? textOf(propertyNames) : fc.string({ maxLength: 8 });
    return fc.dictionary(names, fitting(values, schemas, '', depth + 1), { maxKeys: 3 });
  }
  const members = Object.entries(properties).map(([name, member]): [string, fc.Arbitrary<unknown>] => {
    const value = fitting(member, schemas, name, depth + 1);
    const seldom = fc.oneof(
      { weight: 7, arbitrary: fc.constant(undefined) },
      { weight: 3, arbitrary: value },
    );
    return [name, required.includes(name) ? value : seldom];
  });
  return fc.record(Object.fromEntries(members)).map(withoutUndefined);
}

const withoutUndefined = (members: object): object =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined));

function numberOf(schema: JsonSchema, type: string): fc.Arbitrary<number> {
  const { minimum, exclusiveMinimum, maximum = 1e9 } = schema as Record<string, number | undefined>;
  const least = Math.ceil(minimum ?? (exclusiveMinimum ?? -1) + 1);
  return type === 'integer'
    ? fc.integer({ min: least, max: Math.min(maximum, 2 ** 31 - 1) })
    : fc.double({ min: least, max: maximum, noNaN: true });
}

/** Two patterns have classes of Unicode, which no generator knows: their members are among the likely ones. */
function textOf(schema: JsonSchema): fc.Arbitrary<string> {
  const {
    pattern,
    format,
    minLength = 0,
    maxLength = 40,
  } = schema as {
    pattern?: string;
    format?: string;
    minLength?: number;
    maxLength?: number;
  };
  if (format === 'date-time') {
    const when = { min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true };
    return fc.date(when).map((date) => date.toISOString());
  }
  if (pattern !== undefined && !pattern.includes('\\p{')) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ minLength, maxLength: Math.min(maxLength, 60), size: 'max' });
}

const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + close.repeat(depth);

/** Texts that something somewhere has stumbled over. */
export const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '../../etc/passwd',
    '%00',
    '%2e%2e%2f',
    '%',
    '%zz',
    '\u202e\u2066',
    '\ud800',
    '\r\nx-injected: 1',
    '$where',
    '{{7*7}}',
    "' OR 1=1 --",
    'undefined',
    'null',
    'NaN',
    '-1',
    '1e999',
    '9'.repeat(400),
    'a'.repeat(3000),
    'é'.repeat(1500),
    '.'.repeat(200),
    'a.'.repeat(100),
    nested(500, '[', ']'),
  ),
);

export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom(
    null,
    true,
    false,
    0,
    -0,
    -1,
    0.1,
    1e308,
    -1e308,
    Number.MAX_SAFE_INTEGER + 1,
    [],
    {},
    [[]],
    [{}],
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.double().map((number) => (Number.isFinite(number) ? number : 0)),
);

/** One that fits, with one thing wrong. */
export const nearly = (fits: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc
    .tuple(fits, fc.nat(), oddText, oddValue, fc.constantFrom('replace', 'drop', 'add', 'wrap'))
    .map(([value, at, name, odd, change]) => {
      if (typeof value !== 'object' || value === null) return odd;
      const members = Object.entries(value);
      const index = members.length === 0 ? 0 : at % members.length;
      if (change === 'wrap') return [value];
      if (change === 'drop') members.splice(index, 1);
      if (change === 'add') members.push([name, odd]);
      if (change === 'replace' && members[index]) members[index] = [members[index][0], odd];
      // By definition, so that `__proto__` is a member like any other.
      return Object.fromEntries(members);
    });
