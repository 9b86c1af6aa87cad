// Random policies that our schema admits, and random requests: to ask the reference and ourselves the same.
import type { RecordedRequest } from '../../../src/policy/cedar/request.js';
import { oneOf, upTo } from '../../fixtures/random.js';

type Random = () => number;

const TEXTS = ['read', 'write', 'crm', 'a*b', '', 'data', 'confidential', 'k=v', 'ümläut', 'monday', '*'];
const TAGS = ['groups', 'sub', 'kubernetes.io.pod', 'none'];
const LONGS = ['0', '1', '-3', '7', '60', '300', '3600', '4503599627370496'];
const IPS = [
  '10.0.0.1',
  '10.0.0.0/8',
  '127.0.0.1',
  '::1',
  '2001:db8::/32',
  '2001:db8:0:1::7',
  '224.0.0.1',
  '0.0.0.0/0',
];
const DATETIMES = [
  '2026-11-29',
  '2026-11-29T10:00:00Z',
  '2026-11-29T10:00:00.123Z',
  '2027-01-01T00:00:00+0130',
];
const DURATIONS = ['1h', '-1d2h', '90s', '1d2h3m4s5ms', '0ms', '250ms'];

type Type = 'bool' | 'long' | 'string' | 'set' | 'ip' | 'datetime' | 'duration' | 'entity';
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

const quoted = (text: string): string => JSON.stringify(text);
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

const LEAVES: Readonly<Record<Type, readonly Write[]>> = {
  bool: [
    says('true', 'false', 'context has network.address', 'context.network has address', 'context has labels'),
    (at) => `principal.hasTag(${quoted(at.one(TAGS))})`,
    says(
      'principal is Agent',
      'resource == Tool::"crm"',
      'principal == Agent::"cluster/agent-1"',
      'principal has trust',
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
  ip: [literal(IPS, 'ip')],
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
      `(${at.of('string', depth)}) like ${quoted(at.one(['*', 'c*', '*a*', 'a\\*b', 'con*tial', '']))}`.replace(
        '\\\\*',
        '\\*',
      ),
    (at, depth) =>
      `context has network.address && (context.network.address).isInRange(${at.of('ip', depth)})`,
    (at, depth) => {
      const tag = quoted(at.one(TAGS));
      return `(principal.hasTag(${tag}) && principal.getTag(${tag}).contains(${at.of('string', depth)}))`;
    },
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
  string: [...LEAVES.string, either('string')],
  set: [...LEAVES.set, either('set')],
  ip: [...LEAVES.ip, either('ip')],
  datetime: [
    ...LEAVES.datetime,
    method('datetime', 'offset', 'duration'),
    method('datetime', 'toDate'),
    either('datetime'),
  ],
  duration: [
    ...LEAVES.duration,
    method('datetime', 'toTime'),
    method('datetime', 'durationSince', 'datetime'),
  ],
  entity: [...LEAVES.entity],
};

const PRINCIPALS = [
  'principal',
  'principal is Agent',
  'principal == Agent::"cluster/agent-1"',
  'principal is Orchestrator',
];
const ACTIONS = ['action', 'action == Action::"exchange"', 'action in [Action::"exchange", Action::"renew"]'];
const RESOURCES = ['resource', 'resource == Tool::"crm"', 'resource is Tool', 'resource in Tool::"web"'];

export function randomPolicy(random: Random): string {
  const at = new Writer(random);
  const conditions = Array.from(
    { length: upTo(random, 2) },
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
      address: at.one(['10.0.0.7', '192.0.2.1', '::1', '2001:db8::9', '224.0.0.9']),
    }),
    now: Date.UTC(2026, 10, 29, upTo(random, 23), 12, 13, 123),
  };
}
