// Random policies that our schema admits, and random requests: to ask the reference and ourselves the same.
import type { RecordedRequest } from '../../../src/policy/cedar/request.js';
import { oneOf, upTo } from '../../fixtures/random.js';

type Random = () => number;

const TEXTS = [
  'read',
  'write',
  'crm',
  'a*b',
  '',
  'data',
  'confidential',
  'k=v',
  'ümläut',
  'monday',
  '*',
  'groups',
  '😀',
  'u\u0308',
  'a\\*"b\n',
  '\u0000',
  '__proto__',
];
const TAGS = ['groups', 'sub', 'kubernetes.io.pod', 'none', '__proto__', 'constructor', '', '😀'];
const LONGS = ['0', '1', '-3', '7', '60', '300', '3600', '4503599627370496'];
const PATTERNS = ['*', '**', 'c', 'a', '\\*', 'con', 'tial', 'ü', '😀', 'u', '\\u{308}', 'b', '\\\\', '\\0'];
const IPS = [
  '10.0.0.1',
  '10.0.0.0/8',
  '10.0.0.7/31',
  '127.0.0.1',
  '127.0.0.0/7',
  '::1',
  '::1/127',
  '2001:db8::/32',
  '2001:db8:0:1::7',
  '224.0.0.1',
  '224.0.0.0/3',
  'ff00::/7',
  'ff02::1',
  '0.0.0.0/0',
  '255.255.255.255/0',
  '::/0',
  'FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128',
];
const DATETIMES = [
  '2026-11-29',
  '2026-11-29T10:00:00Z',
  '2026-11-29T10:00:00.123Z',
  '2027-01-01T00:00:00+0130',
  '1969-12-31T23:59:59.999Z',
  '1970-01-01',
  '1960-02-29T12:00:00-2359',
  '2024-02-29',
  '0000-01-01',
  '0000-01-01T00:00:00.000+2359',
  '9999-12-31T23:59:59.999-2359',
];
const DURATIONS = [
  '1h',
  '-1d2h',
  '90s',
  '1d2h3m4s5ms',
  '0ms',
  '-0d',
  '250ms',
  '-1ms',
  '106751d',
  '-999ms',
  '1m1ms',
];

type Type =
  | 'bool'
  | 'long'
  | 'string'
  | 'set'
  | 'sets'
  | 'longs'
  | 'record'
  | 'ip'
  | 'datetime'
  | 'duration'
  | 'entity';
type Write = (at: Writer, depth: number) => string;

class Writer {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  one<T>(of: readonly T[]): T {
    return oneOf(this.random, of);
  }

  of(type: Type, depth: number): string {
    return this.one(depth > 0 ? FORMS[type] : LEAVES[type])(this, depth - 1);
  }
}

/** Cedar has escapes of its own, in texts as in names. */
const quoted = (text: string): string =>
  `"${text.replaceAll(/[^\w .*=/:-]/gu, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`)}"`;
const literal =
  (texts: readonly string[], made = ''): Write =>
  (at) =>
    made === '' ? quoted(at.one(texts)) : `${made}(${quoted(at.one(texts))})`;
const says =
  (...texts: readonly string[]): Write =>
  (at) =>
    at.one(texts);
const two =
  (type: Type, ...operators: readonly string[]): Write =>
  (at, depth) =>
    `(${at.of(type, depth)} ${at.one(operators)} ${at.of(type, depth)})`;
const method =
  (type: Type, name: string, argument?: Type): Write =>
  (at, depth) =>
    `(${at.of(type, depth)}).${name}(${argument ? at.of(argument, depth) : ''})`;
const either =
  (type: Type): Write =>
  (at, depth) =>
    `(if ${at.of('bool', depth)} then ${at.of(type, depth)} else ${at.of(type, depth)})`;

const list =
  (type: Type): Write =>
  (at, depth) =>
    `[${Array.from({ length: 1 + upTo(at.random, 2) }, () => at.of(type, depth)).join(', ')}]`;
/** Any operand twice is the same text: what was asked with `has` may then be taken. */
const tagged: Write = (at, depth) => {
  const name = upTo(at.random, 2) === 0 ? at.of('string', depth) : quoted(at.one(TAGS));
  const whose = at.one(['principal', 'principal', 'Agent::"cluster/agent-1"', 'Agent::"nobody"']);
  return `(${whose}.hasTag(${name}) && ${whose}.getTag(${name}).contains(${at.of('string', depth)}))`;
};

const LEAVES: Readonly<Record<Type, readonly Write[]>> = {
  bool: [
    says('true', 'false', 'context has network.address', 'context.network has address', 'context has labels'),
    (at) => `principal.hasTag(${quoted(at.one(TAGS))})`,
    says(
      'principal is Agent',
      'resource == Tool::"crm"',
      'principal == Agent::"cluster/agent-1"',
      'principal has trust',
      'Agent::"nobody" has trust',
      'Agent::"cluster/agent-1".trust == "crm"',
      'principal is Agent in Agent::"cluster/agent-1"',
      'resource is Tool in [Tool::"crm", Tool::"web"]',
      'principal in [Agent::"cluster/agent-1", Agent::"other"]',
      'context has held.data',
      'context.held == context.held',
      'context.task != context.task',
      'context.network == context.network',
      '{ a: { b: 1 } } has a.b',
      '{ "__proto__": context.ttl, a: 1 } == { "__proto__": 60, a: 1 }',
    ),
  ],
  long: [says(...LONGS), says('context.ttl', 'context.refusals', 'context.task.age', 'context.time.hour')],
  string: [
    literal(TEXTS),
    says(
      'context.plane',
      'context.sensitivity',
      'principal.trust',
      'resource.audience',
      'context.time.weekday',
    ),
  ],
  set: [
    says('context.actions', 'context.labels', 'context.signals', 'context.held.data', 'context.task.parents'),
    (at) => `[${Array.from({ length: 1 + upTo(at.random, 3) }, () => quoted(at.one(TEXTS))).join(', ')}]`,
  ],
  sets: [says('[context.actions, context.labels]', '[["read"], ["write", "read"]]')],
  longs: [says('[1, 7]', '[context.refusals, 7, context.ttl]')],
  record: [says('{ a: 7, b: "crm" }', '{ b: context.plane, a: context.refusals }')],
  ip: [literal(IPS, 'ip'), literal(IPS, 'ip')],
  datetime: [literal(DATETIMES, 'datetime'), says('context.time.now')],
  duration: [literal(DURATIONS, 'duration')],
  entity: [
    says('principal', 'resource', 'action', 'Agent::"cluster/agent-1"', 'Tool::"crm"', 'Action::"renew"'),
  ],
};

const FORMS: Readonly<Record<Type, readonly Write[]>> = {
  bool: [
    ...LEAVES.bool,
    two('bool', '&&', '||', '==', '!='),
    two('bool', '&&', '||'),
    (at, depth) => `!(${at.of('bool', depth)})`,
    either('bool'),
    two('long', '<', '<=', '>', '>=', '==', '!='),
    two('string', '==', '!='),
    two('set', '==', '!='),
    two('datetime', '<', '<=', '>', '>=', '=='),
    two('duration', '<', '<=', '>', '>=', '=='),
    two('ip', '=='),
    method('set', 'contains', 'string'),
    method('set', 'containsAll', 'set'),
    method('set', 'containsAny', 'set'),
    method('set', 'isEmpty'),
    method('ip', 'isInRange', 'ip'),
    (at, depth) => method('ip', at.one(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast']))(at, depth),
    (at, depth) =>
      `(${at.of('string', depth)}) like "${Array.from({ length: upTo(at.random, 4) }, () => at.one(PATTERNS)).join('')}"`,
    (at, depth) =>
      `context has network.address && (context.network.address).isInRange(${at.of('ip', depth)})`,
    tagged,
    two('sets', '==', '!='),
    two('longs', '==', '!='),
    two('record', '==', '!='),
    two('entity', '==', '!=', 'in'),
    method('sets', 'contains', 'set'),
    method('sets', 'containsAny', 'sets'),
    method('longs', 'contains', 'long'),
    method('longs', 'containsAll', 'longs'),
    (at, depth) =>
      `[${at.of('record', depth)}, ${at.of('record', depth)}].contains(${at.of('record', depth)})`,
    (at, depth) => `[${at.of('ip', depth)}, ${at.of('ip', depth)}].contains(${at.of('ip', depth)})`,
    (at, depth) => `[${at.of('duration', depth)}].containsAny([${at.of('duration', depth)}])`,
    (at, depth) => `[${at.of('entity', depth)}, principal].contains(${at.of('entity', depth)})`,
    (at, depth) => `(${at.of('record', depth)}).b == ${at.of('string', depth)}`,
    (at) => `${at.one(['principal', 'resource'])} in [Agent::"cluster/agent-1", Agent::"other"]`,
    (at) => `action in [Action::"exchange", Action::"${at.one(['renew', 'open_task'])}"]`,
    (at, depth) => `{ a: ${at.of('long', depth)}, b: ${at.of('string', depth)} } == { a: 7, b: "crm" }`,
    (at, depth) => `{ a: ${at.of('set', depth)} }.a.contains("read")`,
  ],
  long: [
    ...LEAVES.long,
    two('long', '+', '-', '*'),
    says('(4503599627370496 * 4503599627370496)'),
    (at, depth) => `-(${at.of('long', depth)})`,
    either('long'),
    (at, depth) =>
      method('duration', at.one(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays']))(
        at,
        depth,
      ),
  ],
  string: [...LEAVES.string, either('string'), (at, depth) => `(${at.of('record', depth)}).b`],
  set: [...LEAVES.set, either('set'), list('string'), (at, depth) => `{ a: ${at.of('set', depth)} }.a`],
  sets: [...LEAVES.sets, list('set'), either('sets')],
  longs: [...LEAVES.longs, list('long'), either('longs')],
  record: [
    ...LEAVES.record,
    either('record'),
    (at, depth) => `{ a: ${at.of('long', depth)}, b: ${at.of('string', depth)} }`,
  ],
  ip: [...LEAVES.ip, either('ip')],
  datetime: [
    ...LEAVES.datetime,
    method('datetime', 'offset', 'duration'),
    method('datetime', 'toDate'),
    either('datetime'),
  ],
  duration: [
    ...LEAVES.duration,
    either('duration'),
    method('datetime', 'toTime'),
    method('datetime', 'durationSince', 'datetime'),
  ],
  entity: [...LEAVES.entity, either('entity')],
};

const PRINCIPALS = [
  'principal',
  'principal is Agent',
  'principal == Agent::"cluster/agent-1"',
  'principal is Orchestrator',
  'principal in Agent::"cluster/agent-1"',
  'principal is Agent in Agent::"cluster/agent-1"',
];
const ACTIONS = [
  'action',
  'action in Action::"renew"',
  'action == Action::"exchange"',
  'action in [Action::"exchange", Action::"renew"]',
];
const RESOURCES = [
  'resource',
  'resource is Tool in Tool::"crm"',
  'resource == Tool::"crm"',
  'resource is Tool',
  'resource in Tool::"web"',
];

export function randomPolicy(random: Random): string {
  const at = new Writer(random);
  const conditions = Array.from(
    { length: upTo(random, 3) },
    () => ` ${at.one(['when', 'unless'])} { ${at.of('bool', 3)} }`,
  );
  return `permit (${at.one(PRINCIPALS)}, ${at.one(ACTIONS)}, ${at.one(RESOURCES)})${conditions.join('')};`;
}

export function randomRequest(random: Random): RecordedRequest {
  const at = new Writer(random);
  const some = (of: readonly string[]): string[] => of.filter(() => upTo(random, 1) === 0);
  const planes = ['tool', 'data', 'cloud'] as const;
  const sensitivities = ['public', 'internal', 'confidential', 'restricted'] as const;
  const task = (depth: number): RecordedRequest['tasks'][number] => ({
    id: `run${'.a'.repeat(depth)}`,
    purpose: 'digest',
    age: upTo(random, 4999),
    parents: ['run', 'run.a'].slice(0, depth),
    orchestrator: 'cluster/planner',
    labels: some(['k=v', 'sensitivity=high', 'environment=release']),
  });
  const opens = upTo(random, 3) === 0;
  return {
    action: opens ? 'open_task' : at.one(['exchange', 'renew'] as const),
    principal: {
      type: opens ? 'Orchestrator' : 'Agent',
      id: at.one(['cluster/agent-1', 'cluster/agent-2', 'other']),
      trust: at.one(['cluster', 'crm']),
      subject: 'agent-1',
      tags: Object.fromEntries(some(TAGS).map((name) => [name, some(TEXTS)])),
    },
    tools: [
      {
        name: at.one(['crm', 'web', 'search']),
        plane: at.one(planes),
        sensitivity: at.one(sensitivities),
        audience: 'https://crm.example',
        actions: some(['read', 'write', 'query']),
        resources: at.one([['*'], ['customers/1', 'customers/2']]),
      },
    ],
    ttl: at.one([1, 60, 300, 3600]),
    tasks: [task(upTo(random, 2))],
    held: { tool: some(['public']), data: some(sensitivities), cloud: [], tools: some(['crm', 'web']) },
    signals: some(['untrusted_content', 'anomaly']),
    refusals: upTo(random, 11),
    ...(upTo(random, 2) > 0 && {
      address: at.one([
        '10.0.0.7',
        '192.0.2.1',
        '::1',
        '2001:db8::9',
        '224.0.0.9',
        '255.255.255.255',
        'FF02::1',
      ]),
    }),
    now: at.one([
      Date.UTC(2026, 10, 29, upTo(random, 23), 12, 13, 123),
      Date.UTC(2024, 1, 29),
      0,
      -1,
      Date.UTC(1960, 0, 1, 7),
    ]),
  };
}
