// What can be wrong with a configuration: each mistake at its own place, with words that say what to change.
import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../src/config/mistakes.js';
import { settingsFrom } from '../../src/config/load.js';
import { GOOD, changed, mistakesOf } from './fixture.js';

const TRUST = GOOD.slice(GOOD.indexOf('trust:'), GOOD.indexOf('tools:\n'));
const TOOLS = GOOD.slice(GOOD.indexOf('tools:\n'));

/** What is wrong; the part of the good text, and what stands there instead; every mistake that is reported. */
const MISTAKES: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    'a key that nobody knows, near a known one',
    'listen:',
    'lissten:',
    [
      '1:1 listen: is missing: where to listen, such as 127.0.0.1:8420',
      '2:1 lissten: is not known: did you mean listen?',
    ],
  ],
  [
    'a key that nobody knows, near none',
    'listen:',
    'colour: red\nlisten:',
    [
      '2:1 colour: is not known: known here are issuer, listen, tls, trusted_proxies, operations, metrics, store, trust, tools, tasks, task_retention, lease_retention, audit_retention, keys, feed, kills, reconciliation, dpop, status_list, limits, http, log_level, policies',
    ],
  ],
  [
    'two listeners at one place',
    'store: {',
    'operations: { listen: 127.0.0.1:8420 }\nstore: {',
    ['3:23 operations.listen: is where listen is: give each a port of its own'],
  ],
  [
    'a part that is missing',
    'store: { kind: embedded, path: ./mayfly.db }\n',
    '',
    [
      '1:1 store: is missing: where state is kept, such as { kind: embedded, path: ./data/mayfly.db } or { kind: redis, url: redis://127.0.0.1:6379/0 }',
    ],
  ],
  [
    'a part that is missing in a list',
    '    audience: mayfly\n',
    '',
    ['5:5 trust[0].audience: is missing: the aud that its tokens must have, such as mayfly'],
  ],
  [
    'a part that is empty',
    'issuer: https://broker.example',
    'issuer:',
    ['1:1 issuer: must be a text, not empty'],
  ],
  [
    'a list where a text belongs',
    'issuer: https://broker.example',
    'issuer: [https://broker.example]',
    ['1:9 issuer: must be a text, not a list'],
  ],
  [
    'plain http to the world',
    'issuer: https://broker.example',
    'issuer: http://broker.example',
    ['1:9 issuer: must be https: plain http is for loopback addresses only'],
  ],
  [
    'an issuer with a path',
    'issuer: https://broker.example',
    'issuer: https://broker.example/v1',
    ['1:9 issuer: must not have a path, a query or a fragment: write https://broker.example'],
  ],
  [
    'an issuer with an empty query',
    'issuer: https://broker.example',
    'issuer: https://broker.example?',
    ['1:9 issuer: must not have a path, a query or a fragment: write https://broker.example'],
  ],
  [
    'an issuer that is not in its normal form',
    'issuer: https://broker.example',
    'issuer: https://Broker.example:443/',
    ['1:9 issuer: must be in its normal form: write https://broker.example'],
  ],
  [
    'an issuer with a password',
    'issuer: https://broker.example',
    'issuer: https://me:secret@broker.example',
    ['1:9 issuer: must not hold a user name or a password'],
  ],
  [
    'an issuer that is no URL',
    'issuer: https://broker.example',
    'issuer: broker.example',
    ['1:9 issuer: must be an absolute URL such as https://broker.example'],
  ],
  [
    'a port without a host',
    '127.0.0.1:8420',
    ':8420',
    ['2:9 listen: must be host:port, such as 127.0.0.1:8420 or "[::1]:8420"'],
  ],
  [
    'a bare port',
    'listen: 127.0.0.1:8420',
    'listen: 8420',
    ['2:9 listen: must be host:port, such as 127.0.0.1:8420 or "[::1]:8420"'],
  ],
  [
    'a port beyond the last',
    '127.0.0.1:8420',
    '127.0.0.1:84200',
    ['2:9 listen: must have a port from 0 to 65535'],
  ],
  [
    'an IPv6 address without brackets',
    '127.0.0.1:8420',
    '"::1:8420"',
    ['2:9 listen: must be host:port, such as 127.0.0.1:8420 or "[::1]:8420"'],
  ],
  [
    'a kind of store near a known one',
    'kind: embedded, path: ./mayfly.db',
    'kind: embeded, path: ""',
    [
      '3:16 store.kind: must be one of embedded, redis: did you mean embedded?',
      '3:25 store.path: must not be empty',
    ],
  ],
  ['a store without a place', 'path: ./mayfly.db', 'path: ""', ['3:26 store.path: must not be empty']],
  [
    'a trust name with a slash',
    'name: cluster',
    'name: a/b',
    ['5:11 trust[0].name: must be 1 to 32 lower-case letters, digits and -'],
  ],
  [
    'a trust kind near a known one',
    'kind: oidc',
    'kind: odic',
    ['6:11 trust[0].kind: must be one of oidc, kubernetes, github, spiffe: did you mean oidc?'],
  ],
  [
    'a trusted issuer that is this broker',
    'https://oidc.example',
    'https://broker.example/',
    ['7:13 trust[0].issuer: is this broker itself, whose credentials are never workload tokens'],
  ],
  [
    'a trusted issuer over plain http',
    'https://oidc.example',
    'http://oidc.example',
    ['7:13 trust[0].issuer: must be https: plain http is for loopback addresses only'],
  ],
  [
    'an audience listed twice',
    'audience: mayfly',
    'audience: [mayfly, mayfly]',
    ['8:24 trust[0].audience[1]: is listed twice'],
  ],
  [
    'an audience that is a number',
    'audience: mayfly',
    'audience: 7',
    ['8:15 trust[0].audience: must be a text or a list of texts'],
  ],
  [
    'a symmetric algorithm',
    '[ES256]',
    '[HS256]',
    [
      '9:18 trust[0].algorithms[0]: HS256 is symmetric, so whoever can check a token can also make one: use an asymmetric one such as ES256',
    ],
  ],
  [
    'no algorithm at all',
    '[ES256]',
    '[none]',
    [
      '9:18 trust[0].algorithms[0]: none means tokens that nobody signed: name the algorithm that your issuer signs with, such as ES256',
    ],
  ],
  [
    'an algorithm in lower case',
    '[ES256]',
    '[ES256, rs256]',
    ['9:25 trust[0].algorithms[1]: is not known: did you mean RS256?'],
  ],
  [
    'an algorithm that nobody knows',
    '[ES256]',
    '[ROT13]',
    [
      '9:18 trust[0].algorithms[0]: must be one of ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, Ed25519, EdDSA',
    ],
  ],
  ['an empty list of algorithms', '[ES256]', '[]', ['9:17 trust[0].algorithms: must not be empty']],
  [
    'keys both at a URL and in a file',
    '    audience: mayfly',
    '    jwks_uri: https://oidc.example/jwks\n    jwks_file: ./keys.json\n    audience: mayfly',
    [
      '9:16 trust[0].jwks_file: cannot be given together with jwks_uri: keep one',
      '9:16 trust[0].jwks_file: ./keys.json: cannot be read (ENOENT)',
    ],
  ],
  [
    'a key file that is not there',
    '    audience: mayfly',
    '    jwks_file: ./keys.json\n    audience: mayfly',
    ['8:16 trust[0].jwks_file: ./keys.json: cannot be read (ENOENT)'],
  ],
  [
    'a URL of keys with a fragment',
    '    audience: mayfly',
    '    jwks_uri: https://oidc.example/jwks#1\n    audience: mayfly',
    ['8:15 trust[0].jwks_uri: must not have a fragment'],
  ],
  [
    'a clock tolerance beyond reason',
    '    audience: mayfly',
    '    clock_tolerance: 6m\n    audience: mayfly',
    ['8:22 trust[0].clock_tolerance: must be at most 5m, not 6m'],
  ],
  [
    'a switch that is neither true nor false',
    '    audience: mayfly',
    '    one_time: yes\n    audience: mayfly',
    ['8:15 trust[0].one_time: must be true or false, not a text'],
  ],
  [
    'no roles',
    '    roles:\n      agent: { sub: "agent-*" }\n      verifier: { sub: crm-api, tools: [crm] }',
    '    roles: {}',
    ['10:12 trust[0].roles: must give at least one role'],
  ],
  [
    'a role that does not exist',
    'agent: {',
    'agnet: {',
    ['11:7 trust[0].roles.agnet: is not known: did you mean agent?'],
  ],
  [
    'a rule for everybody',
    '{ sub: "agent-*" }',
    '{}',
    [
      '11:14 trust[0].roles.agent: would make everybody agent: name a claim that tells them apart, or say dangerously_any: true',
    ],
  ],
  [
    'a rule that stars make one for everybody',
    '{ sub: "agent-*" }',
    '{ sub: "*", iss: https://oidc.example }',
    [
      '11:14 trust[0].roles.agent: would make everybody agent: name a claim that tells them apart, or say dangerously_any: true',
    ],
  ],
  [
    'a rule for everybody that names a claim all the same',
    '{ sub: "agent-*" }',
    '{ sub: agent-1, dangerously_any: true }',
    [
      '11:47 trust[0].roles.agent.dangerously_any: contradicts the claims beside it: take out one or the other',
    ],
  ],
  [
    'a rule with only a limit',
    '{ sub: crm-api, tools: [crm] }',
    '{ tools: [crm] }',
    [
      '12:17 trust[0].roles.verifier: would make everybody verifier: name a claim that tells them apart, or say dangerously_any: true',
    ],
  ],
  [
    'a limit that belongs to another role',
    '{ sub: "agent-*" }',
    '{ sub: "agent-*", tools: [crm] }',
    [
      '11:39 trust[0].roles.agent.tools: limits the role verifier only: take it out (tools cannot be the name of a claim here)',
    ],
  ],
  [
    'a verifier of a tool that is not there',
    'tools: [crm]',
    'tools: [crm, erp]',
    ['12:46 trust[0].roles.verifier.tools[1]: "erp" is not in the catalogue under tools'],
  ],
  [
    'a verifier of a tool that is not there, in a list of rules',
    '{ sub: crm-api, tools: [crm] }',
    '[{ sub: a }, { sub: b, tools: [erp] }]',
    ['12:48 trust[0].roles.verifier[1].tools[0]: "erp" is not in the catalogue under tools'],
  ],
  [
    'a rule that is a text',
    '{ sub: "agent-*" }',
    'agent-*',
    ['11:14 trust[0].roles.agent: must be a rule such as { sub: "agent-*" }, or a list of rules'],
  ],
  [
    'a claim that is a mapping',
    '{ sub: "agent-*" }',
    '{ kubernetes: { pod: x } }',
    ['11:28 trust[0].roles.agent.kubernetes: must be a text, a number, true or false, or a list of these'],
  ],
  [
    'a subject that is a number',
    '{ sub: "agent-*" }',
    '{ sub: 1000 }',
    ['11:21 trust[0].roles.agent.sub: must be a text, as it is in tokens: put it in quotes'],
  ],
  [
    'a number that cannot be told from others',
    '{ sub: "agent-*" }',
    '{ uid: 12345678901234567890 }',
    ['11:21 trust[0].roles.agent.uid: is too large a number to compare'],
  ],
  [
    'a root id with a dot',
    'agent: { sub: "agent-*" }',
    'orchestrator: { sub: planner, tasks: [run.1] }',
    [
      '11:45 trust[0].roles.orchestrator.tasks[0]: must be a glob of root task ids: letters, digits, -, _ and *',
    ],
  ],
  ['no trust', TRUST, '', ['1:1 trust: must name at least one issuer, or nobody can call']],
  [
    "a tool's name with a space",
    '  crm:\n',
    '  "c m":\n',
    [
      '12:41 trust[0].roles.verifier.tools[0]: "crm" is not in the catalogue under tools',
      '14:3 tools["c m"]: must be 1 to 64 letters, digits, dots, - and _, and begin with a letter or a digit',
    ],
  ],
  ['no tools', TOOLS, 'tools: {}\n', ['13:8 tools: must name at least one tool']],
  [
    'a plane near a known one',
    'plane: data',
    'plane: dta',
    ['15:12 tools.crm.plane: must be one of tool, data, cloud: did you mean data?'],
  ],
  [
    'an audience with a fragment',
    'https://crm.example',
    'https://crm.example#a',
    ['16:15 tools.crm.audience: must not have a fragment'],
  ],
  [
    'an audience that is no URI',
    'https://crm.example',
    'crm',
    ['16:15 tools.crm.audience: must be an absolute URI such as https://crm.example'],
  ],
  [
    'an audience that is this broker',
    'https://crm.example',
    'https://broker.example/',
    ['16:15 tools.crm.audience: is this broker itself: name the tool'],
  ],
  [
    'two tools with one audience',
    'tools:\n',
    'tools:\n  erp: { plane: data, audience: https://crm.example/, actions: [read], credential: { kind: jwt } }\n',
    ['17:15 tools.crm.audience: is the audience of erp as well: a credential must open one tool only'],
  ],
  [
    'a tool without actions',
    '[read, write]',
    '[]',
    ['17:14 tools.crm.actions: must name at least one action'],
  ],
  [
    'an action listed twice',
    '[read, write]',
    '[read, write, read]',
    ['17:28 tools.crm.actions[2]: is listed twice'],
  ],
  [
    'an action with a space',
    '[read, write]',
    '[read, "write all"]',
    ['17:21 tools.crm.actions[1]: must be 1 to 64 visible ASCII characters without space, " and \\'],
  ],
  [
    'a duration without its unit',
    '    actions:',
    '    max_ttl: 300\n    actions:',
    ['17:14 tools.crm.max_ttl: must be a number with its unit: 30s, 5m, 12h or 30d'],
  ],
  [
    'a duration in words',
    '    actions:',
    '    max_ttl: 5 minutes\n    actions:',
    ['17:14 tools.crm.max_ttl: must be a number with its unit: 30s, 5m, 12h or 30d'],
  ],
  [
    'a credential that lives too long',
    '    actions:',
    '    max_ttl: 13h\n    actions:',
    ['17:14 tools.crm.max_ttl: must be at most 12h, not 13h'],
  ],
  [
    'a credential that lives no time',
    '    actions:',
    '    max_ttl: 999ms\n    actions:',
    ['17:14 tools.crm.max_ttl: must be at least 1s, not 999ms'],
  ],
  [
    'a kind of credential that nobody mints',
    'kind: jwt',
    'kind: aws',
    ['18:25 tools.crm.credential.kind: must be one of jwt, postgres, aws-sts'],
  ],
  [
    'task ids that come back too early',
    'issuer: https://broker',
    'task_retention: 24h\nissuer: https://broker',
    [
      '1:17 task_retention: must be longer than tasks.max_ttl (1d), or an id could come back while credentials live',
    ],
  ],
  [
    'a retention below the lifetime of a credential',
    'issuer: https://broker',
    'tasks: { max_ttl: 1m }\ntask_retention: 5m\nissuer: https://broker',
    [
      '2:17 task_retention: must be longer than tools.crm.max_ttl (5m), or an id could come back while credentials live',
    ],
  ],
  [
    'an algorithm that we do not sign with',
    'issuer: https://broker',
    'keys: { algorithm: ES384 }\nissuer: https://broker',
    ['1:20 keys.algorithm: must be one of ES256, Ed25519, RS256'],
  ],
  [
    'keys published for longer than they sign',
    'issuer: https://broker',
    'keys: { rotate_every: 1h, publish_ahead: 1h }\nissuer: https://broker',
    ['1:42 keys.publish_ahead: must be shorter than rotate_every (1h)'],
  ],
  [
    'a body limit in words',
    'issuer: https://broker',
    'http: { body_limit: 64KB }\nissuer: https://broker',
    ['1:21 http.body_limit: must be a number of bytes, or a size such as 64KiB or 1MiB'],
  ],
  [
    'a body limit beyond reason',
    'issuer: https://broker',
    'http: { body_limit: 1000MiB }\nissuer: https://broker',
    ['1:21 http.body_limit: must be from 1024 to 16777216 bytes'],
  ],
  [
    'headers that may take longer than the request',
    'issuer: https://broker',
    'http: { headers_timeout: 31s }\nissuer: https://broker',
    ['1:26 http.headers_timeout: must not be longer than request_timeout (30s)'],
  ],
  [
    'a log level that is not there',
    'issuer: https://broker',
    'log_level: warning\nissuer: https://broker',
    ['1:12 log_level: must be one of trace, debug, info, warn, error, silent'],
  ],
  [
    'policies that are not there',
    'issuer: https://broker',
    'policies: ./none\nissuer: https://broker',
    ['1:11 policies: ./none: cannot be read (ENOENT)'],
  ],
  [
    'a key given twice',
    'kind: oidc',
    'kind: oidc\n    name: other',
    ['7:5 : this key is given twice: keep one'],
  ],
  [
    'a custom tag',
    'audience: mayfly',
    'audience: !env AUDIENCE',
    ['8:20 : the tag "!env" is not accepted: write a plain value'],
  ],
  [
    'a binary tag',
    'audience: mayfly',
    'audience: !!binary bWF5Zmx5',
    [
      '8:24 : the tag "tag:yaml.org,2002:binary" is not accepted: write a plain value',
      '8:24 trust[0].audience: must be a text or a list of texts',
    ],
  ],
  [
    'a merge key',
    '    plane: data',
    '    <<: {}\n    plane: data',
    ['15:5 : merging with << is not supported: write the keys out, or alias the whole value'],
  ],
  [
    'a key that objects swallow',
    'agent: { sub: "agent-*" }',
    'agent: { sub: "agent-*", __proto__: x }',
    ['11:32 : the key __proto__ is not accepted'],
  ],
  ['a key that is a list', 'tools:\n', 'tools:\n  [a]: {}\n', ['14:3 : a key must be a plain word']],
  [
    'an alias of nothing',
    'audience: mayfly',
    'audience: *audience',
    ['8:15 : nothing before this is named &audience'],
  ],
  [
    'a list that is not closed',
    '[ES256]',
    '[ES256',
    [
      '10:5 : not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ],
  [
    'a tab for indentation',
    '    plane: data',
    '\tplane: data',
    [
      '15:1 : not valid YAML: Tabs are not allowed as indentation',
      '15:9 : not valid YAML: Nested mappings are not allowed in compact mappings',
      '15:9 : not valid YAML: Implicit keys need to be on a single line',
      '16:15 : not valid YAML: Nested mappings are not allowed in compact mappings',
      '16:15 : not valid YAML: Implicit keys need to be on a single line',
      '18:1 : not valid YAML: All mapping items must start at the same column',
    ],
  ],
  [
    'a second document',
    'issuer: https://broker',
    '---\na: 1\n---\nissuer: https://broker',
    ['3:1 : a second document begins here: keep one'],
  ],
];

test('the text that the mistakes are made in has none', async () => {
  expect(await mistakesOf(GOOD)).toEqual([]);
});

describe('one mistake', () => {
  test.each(MISTAKES)('%s', async (_, from, to, expected) => {
    expect(await mistakesOf(changed(from, to))).toEqual(expected);
  });
});

describe('many mistakes', () => {
  const MANY = `issuer: http://broker.example
lissten: 127.0.0.1:8420
store: { kind: rdis, path: "" }
trust:
  - name: Cluster
    issuer: https://oidc.example
    audience: [mayfly, mayfly, 7]
    algorithms: [none, none]
    jwks_uri: http://oidc.example
    jwks_file: ./keys.json
    one_time: 1
    one_time: 2
    roles:
      agent: {}
      verifier: { sub: crm-api, tools: [erp] }
tools:
  c m: { plane: tool, actions: [a] }
  crm: { plane: dta, audience: !url https://crm.example, actions: [], max_ttl: 1d, credential: { kind: jwt } }
  crm2: { plane: data, audience: https://crm.example, actions: [read], credential: { kind: jwt } }
task_retention: 1h
http: { headers_timeout: 5m }
`;

  test('are all reported at once, in the order of the file', async () => {
    expect(await mistakesOf(MANY)).toEqual([
      '1:1 listen: is missing: where to listen, such as 127.0.0.1:8420',
      '1:9 issuer: must be https: plain http is for loopback addresses only',
      '2:1 lissten: is not known: did you mean listen?',
      '3:16 store.kind: must be one of embedded, redis: did you mean redis?',
      '3:22 store.path: must not be empty',
      '5:5 trust[0].kind: is missing: the kind of issuer: oidc, kubernetes, github or spiffe',
      '5:11 trust[0].name: must be 1 to 32 lower-case letters, digits and -',
      '7:24 trust[0].audience[1]: is listed twice',
      '7:32 trust[0].audience[2]: must be a text, not a number',
      '8:18 trust[0].algorithms[0]: none means tokens that nobody signed: name the algorithm that your issuer signs with, such as ES256',
      '8:24 trust[0].algorithms[1]: none means tokens that nobody signed: name the algorithm that your issuer signs with, such as ES256',
      '8:24 trust[0].algorithms[1]: is listed twice',
      '9:15 trust[0].jwks_uri: must be https: plain http is for loopback addresses only',
      '10:16 trust[0].jwks_file: ./keys.json: cannot be read (ENOENT)',
      '11:15 trust[0].one_time: must be true or false, not a number',
      '12:5 : this key is given twice: keep one',
      '14:14 trust[0].roles.agent: would make everybody agent: name a claim that tells them apart, or say dangerously_any: true',
      '15:41 trust[0].roles.verifier.tools[0]: "erp" is not in the catalogue under tools',
      '17:3 tools["c m"]: must be 1 to 64 letters, digits, dots, - and _, and begin with a letter or a digit',
      '17:3 tools["c m"].audience: is missing: the URI that the tool\'s credentials are for, such as https://crm.example; one per tool',
      '17:3 tools["c m"].credential: is missing: how the credential is made, such as { kind: jwt }',
      '18:17 tools.crm.plane: must be one of tool, data, cloud: did you mean data?',
      '18:37 : the tag "!url" is not accepted: write a plain value',
      '18:67 tools.crm.actions: must name at least one action',
      '18:80 tools.crm.max_ttl: must be at most 12h, not 1d',
      '19:34 tools.crm2.audience: is the audience of crm as well: a credential must open one tool only',
      '20:17 task_retention: must be longer than tasks.max_ttl (1d), or an id could come back while credentials live',
      '21:26 http.headers_timeout: must not be longer than request_timeout (30s)',
    ]);
  });

  test('are all in the text of the one error, which has a stable code', async () => {
    const error = await settingsFrom(changed('[ES256]', '[HS256]').replace('data', 'dta'), 'a.yaml').catch(
      String,
    );
    expect(error).toBe(
      [
        'ConfigurationError: the configuration has 2 mistakes:',
        '  a.yaml:9:18: trust[0].algorithms[0]: HS256 is symmetric, so whoever can check a token can also make one: use an asymmetric one such as ES256',
        '  a.yaml:15:12: tools.crm.plane: must be one of tool, data, cloud: did you mean data?',
      ].join('\n'),
    );
    await expect(settingsFrom('', 'a.yaml')).rejects.toMatchObject({ code: 'ERR_CONFIGURATION' });
    await expect(settingsFrom('', 'a.yaml')).rejects.toBeInstanceOf(ConfigurationError);
  });

  test('behind an alias stand where the text stands that is to be changed', async () => {
    const text = changed('{ kind: jwt }', '&made { kind: aws }').concat(
      '  erp: { plane: data, audience: https://erp.example, actions: [read], credential: *made }\n',
    );
    expect(await mistakesOf(text)).toEqual([
      '18:31 tools.crm.credential.kind: must be one of jwt, postgres, aws-sts',
      '18:31 tools.erp.credential.kind: must be one of jwt, postgres, aws-sts',
    ]);
  });

  test('never show what may be a secret', async () => {
    const text = changed('https://broker.example', 'https://me:hunter2@broker.example').replace(
      'jwt',
      'hunter2',
    );
    expect((await mistakesOf(text)).join()).not.toContain('hunter2');
  });
});

describe('text that would exhaust the reader is refused', () => {
  const laughs = Array.from(
    { length: 30 },
    (_, i) => `a${i}: &a${i} [${i > 0 ? `*a${i - 1}, *a${i - 1}` : 1}]`,
  );
  test.each([
    ['nesting without end', '['.repeat(100_000), 'it is nested too deeply'],
    ['block nesting without end', '- '.repeat(100_000), 'it is nested too deeply'],
    [
      'aliases that multiply',
      laughs.join('\n'),
      'Excessive alias count indicates a resource exhaustion attack',
    ],
    ['length without end', '#'.repeat(2_000_000), 'it is too long'],
  ])('%s', async (_, text, why) => {
    expect(await mistakesOf(text)).toEqual([`1:1 : cannot be read as YAML: ${why}`]);
  });
});
