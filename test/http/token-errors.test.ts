// The token endpoint's refusals: OAuth's errors, and nothing by which an agent could find out what is not its own.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RefusalReason } from '../../src/domain/refusal.js';
import { TOKEN_TYPE } from '../../src/wire/token.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { expectRefusal, withoutRequestId } from '../fixtures/broker-refusals.js';

let broker: TestBroker;

beforeAll(async () => {
  broker = await TestBroker.start();
  const crm = { tool: 'crm', actions: ['read'], resources: ['customers/*'] };
  await broker.openTask({ id: 'run-1', agents: ['cluster/agent-1'], tools: [crm] });
  await broker.openTask({ id: 'closed', agents: ['cluster/agent-1'], tools: [crm] });
  await broker.complete('closed');
});
afterAll(() => broker.stop());

const GOOD = { task_id: 'run-1', audience: 'crm' };

/** A parameter that is undefined here is left out of a request that is good otherwise. */
const exchange = (
  changes: Record<string, string | undefined>,
  agent = 'agent-1',
): Promise<Reply<Credential & Record<string, unknown>>> => {
  const form = Object.entries({ ...broker.exchangeForm(agent, GOOD), ...changes });
  return broker.call('POST', '/token', {
    form: form.filter((pair): pair is [string, string] => pair[1] !== undefined),
  });
};

const refused = (error: string, reason: RefusalReason, status = 400) =>
  ({ status, error, dialect: 'oauth', reason }) as const;

test('the request that all of these differ from is a good one', async () => {
  expect((await exchange({})).status).toBe(200);
});

const details = (...entries: object[]): string => JSON.stringify(entries);
const detail = { type: 'mayfly_tool', resources: ['customers/42'] };

const CASES: readonly [
  what: string,
  changes: Record<string, string | undefined>,
  error: string,
  reason: RefusalReason,
][] = [
  ['no grant type', { grant_type: undefined }, 'invalid_request', 'request_malformed'],
  ['an empty grant type', { grant_type: '' }, 'invalid_request', 'request_malformed'],
  [
    'another grant type',
    { grant_type: 'client_credentials' },
    'unsupported_grant_type',
    'grant_type_unsupported',
  ],
  ['no subject token', { subject_token: undefined }, 'invalid_request', 'request_malformed'],
  ['no subject token type', { subject_token_type: undefined }, 'invalid_request', 'request_malformed'],
  [
    'a subject token of another type',
    { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
    'invalid_request',
    'request_malformed',
  ],
  ['a subject token that is none', { subject_token: 'garbage' }, 'invalid_request', 'token_malformed'],
  [
    'an actor token',
    { actor_token: 'x', actor_token_type: TOKEN_TYPE.jwt },
    'invalid_request',
    'request_malformed',
  ],
  ['an actor token without its type', { actor_token: 'x' }, 'invalid_request', 'request_malformed'],
  [
    'the type of an actor token without the token',
    { actor_token_type: TOKEN_TYPE.jwt },
    'invalid_request',
    'request_malformed',
  ],
  [
    'a kind of token that is not minted',
    { requested_token_type: TOKEN_TYPE.idToken },
    'invalid_request',
    'token_kind_unsupported',
  ],
  ['no task', { task_id: undefined }, 'invalid_request', 'request_malformed'],
  ['a task that cannot be one', { task_id: 'run 1' }, 'invalid_request', 'request_malformed'],
  ['a task that is closed', { task_id: 'closed' }, 'invalid_target', 'task_closed'],
  ['no tool', { audience: undefined }, 'invalid_request', 'target_missing'],
  ['a tool that is not there', { audience: 'none' }, 'invalid_target', 'target_unknown'],
  [
    'a URI of no tool',
    { audience: undefined, resource: 'https://none.example' },
    'invalid_target',
    'target_unknown',
  ],
  ['two different tools', { resource: 'https://search.example' }, 'invalid_target', 'target_unknown'],
  ['an action beyond the manifest', { scope: 'read write' }, 'invalid_scope', 'action_not_granted'],
  ['an action that no tool has', { scope: 'fly' }, 'invalid_scope', 'action_not_granted'],
  [
    'details that are no JSON',
    { authorization_details: '[' },
    'invalid_authorization_details',
    'details_malformed',
  ],
  [
    'details that are no list',
    { authorization_details: '{}' },
    'invalid_authorization_details',
    'details_malformed',
  ],
  [
    'details of another type',
    { authorization_details: details({ ...detail, type: 'payment' }) },
    'invalid_authorization_details',
    'details_malformed',
  ],
  [
    'details with a field that means nothing here',
    { authorization_details: details({ ...detail, locations: [] }) },
    'invalid_authorization_details',
    'details_malformed',
  ],
  [
    'details of resources beyond the manifest',
    { authorization_details: details({ ...detail, resources: ['*'] }) },
    'invalid_authorization_details',
    'resource_not_granted',
  ],
  [
    'details of an action beyond the scope',
    { authorization_details: details({ ...detail, actions: ['write'] }) },
    'invalid_authorization_details',
    'resource_not_granted',
  ],
  ...['0', '-1', '1.5', '1e3', ' 5', 'soon', '9'.repeat(10)].map((expiry): (typeof CASES)[number] => [
    `an expiry of ${expiry}`,
    { requested_expiry: expiry },
    'invalid_request',
    'request_malformed',
  ]),
];

test.each(CASES)('%s', async (_what, changes, error, reason) => {
  await expectRefusal(broker, await exchange(changes), refused(error, reason));
});

test.each<
  [
    what: string,
    sub: string,
    claims: Record<string, unknown>,
    header: Record<string, unknown>,
    reason: RefusalReason,
  ]
>([
  ['expired', 'agent-1', { exp: 1 }, {}, 'token_expired'],
  ['for somebody else', 'agent-1', { aud: 'others' }, {}, 'audience_mismatch'],
  ['of an issuer that nobody trusts', 'agent-1', { iss: 'https://others.example' }, {}, 'issuer_unknown'],
  ['signed by nobody', 'agent-1', {}, { alg: 'none' }, 'algorithm_not_allowed'],
  ['with a key of its own', 'agent-1', {}, { jwk: {} }, 'header_not_allowed'],
])(
  'a subject token that is %s is an invalid request, and the record says why',
  async (_what, sub, claims, header, reason) => {
    const reply = await exchange({ subject_token: broker.workloads.sign(sub, claims, header) });
    await expectRefusal(broker, reply, refused('invalid_request', reason));
  },
);

test('all subject tokens that are not accepted get the same answer', async () => {
  const sign = broker.workloads.sign.bind(broker.workloads, 'agent-1');
  const tokens = [
    'x',
    sign({ exp: 1 }),
    sign({ aud: 'others' }),
    sign({ iss: 'https://x.example' }),
    sign({}, { kid: 'other' }),
  ];
  const answers = await Promise.all(tokens.map((token) => exchange({ subject_token: token })));
  expect(new Set(answers.map(withoutRequestId)).size).toBe(1);
});

test('a principal that is no agent gets no credential', async () => {
  const reply = await broker.exchange('planner', GOOD);
  await expectRefusal(broker, reply, refused('invalid_request', 'role_missing'));
});

test.each(['audience', 'resource', 'scope', 'task_id', 'subject_token', 'unknown'])(
  'a parameter given twice is refused: %s (RFC 6749 §3.2)',
  async (name) => {
    const form = Object.entries(broker.exchangeForm('agent-1', { ...GOOD, [name]: 'crm' }));
    const reply = await broker.call('POST', '/token', { form: [...form, [name, 'crm']] });
    await expectRefusal(broker, reply, refused('invalid_request', 'request_malformed'));
  },
);

test('parameters that mean nothing here are ignored (RFC 8693 §2.1)', async () => {
  expect((await exchange({ client_id: 'agent-1', nonce: 'x', __proto__: 'y' })).status).toBe(200);
});

test('a body that is no form is not read', async () => {
  const reply = await broker.call('POST', '/token', { json: broker.exchangeForm('agent-1', GOOD) });
  await expectRefusal(broker, reply, refused('invalid_request', 'media_type_unsupported', 415));
});

test('a form over the limit is not kept', async () => {
  const reply = await exchange({ more: 'x'.repeat(70_000) });
  await expectRefusal(broker, reply, refused('invalid_request', 'body_too_large', 413));
});

describe('no oracle (invariant 8)', () => {
  test('unknown task, not in the manifest, tool not in the manifest and quarantined are told apart by the record alone', async () => {
    await broker.openTask({ id: 'run-2', agents: ['cluster/agent-2', 'cluster/agent-3'] });
    await broker.kill({ agent: 'cluster/agent-3' }, { quarantine: true });
    const replies: [RefusalReason, Reply<Credential>][] = [
      ['task_unknown', await broker.exchange('agent-1', { task_id: 'none', audience: 'crm' })],
      ['agent_not_in_manifest', await broker.exchange('agent-9', GOOD)],
      ['agent_not_in_manifest', await broker.exchange('agent-9', { task_id: 'closed', audience: 'none' })],
      ['tool_not_in_manifest', await broker.exchange('agent-1', { task_id: 'run-1', audience: 'search' })],
      ['target_unknown', await broker.exchange('agent-1', { task_id: 'run-1', audience: 'none' })],
      ['agent_quarantined', await broker.exchange('agent-3', { task_id: 'run-2', audience: 'crm' })],
    ];
    expect(new Set(replies.map(([, reply]) => reply.text)).size).toBe(1);
    for (const [reason, reply] of replies) {
      await expectRefusal(broker, reply, refused('invalid_target', reason));
    }
  });

  test('a token that was sent in the wrong place is not in the record (invariant 6)', async () => {
    const secret = broker.workloads.token('agent-1');
    const reply = await exchange({ audience: secret, scope: secret });
    expect(reply.status).toBe(400);
    expect(JSON.stringify(await broker.auditOf(reply))).not.toContain(secret.slice(-60));
    expect(broker.bytesAtRest().includes(secret)).toBe(false);
  });
});
