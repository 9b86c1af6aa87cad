// A receipt as a person reads it: how dead each credential is, and what no kill reaches.
import { expect, test } from '@jest/globals';
import { receiptText } from '../../src/cli/task/receipt.js';
import type { ReceiptClaims } from '../../src/wire/receipt.js';

const AT = '2026-11-22T06:11:33';
const credential = {
  lease_id: 'lease_01m8k0zb6mxa93sn243a59w7fqh2',
  agent: 'cluster/agent-7',
  tool: 'crm',
  plane: 'tool',
  kind: 'jwt',
  revocation: 'pushed',
  scope: 'read',
  issued_at: `${AT}.001Z`,
  expires_at: '2026-11-22T06:16:33.000Z',
  state: 'revoked',
  cause: 'task',
  requested_at: `${AT}.114Z`,
  confirmed_at: `${AT}.114Z`,
  policy_digest: 'Xh2',
} as const;
const session = {
  ...credential,
  tool: 'reports',
  kind: 'aws-sts',
  revocation: 'eventual',
  accepted_at: `${AT}.180Z`,
  confirmed_at: '2026-11-22T06:11:43.201Z',
  survives: ['caller_identity', 'begun_work', 'service_tokens', 'written_data'],
} satisfies ReceiptClaims['credentials'][number];
const receipt = (credentials: ReceiptClaims['credentials']): ReceiptClaims => ({
  iss: 'https://mayfly.example',
  sub: 'run-42',
  iat: Date.parse(`${AT}Z`) / 1000,
  task: {
    orchestrator: 'cluster/planner',
    outcome: 'completed',
    opened_at: `${AT}.000Z`,
    closed_at: `${AT}.114Z`,
    closed_by: 'cluster/planner',
    settled_at: `${AT}.114Z`,
  },
  counts: { reserved: 0, active: 0, revoking: 0, revoked: credentials.length, expired: 0, irrevocable: 0 },
  credentials,
  left_out: 0,
  policy_digests: ['Xh2'],
});

test('says when a target had taken a kill and when that was known to be in force, and what is left all the same', () => {
  const text = receiptText(receipt([credential, session]), Date.parse(`${AT}Z`));
  const rows = text.split('\n');
  expect(rows.find((row) => row.includes('REQUESTED'))).toMatch(/REQUESTED +ACCEPTED +CONFIRMED/);
  expect(rows.find((row) => row.includes('reports'))).toMatch(
    /33\.114Z +2026-11-22 06:11:33\.180Z +2026-11-22 06:11:43\.201Z/,
  );
  expect(rows.at(-1)).toBe(
    'not ended with aws-sts: proofs of who it was (sts:GetCallerIdentity answers in spite of a Deny); ' +
      'what it had set going; tokens that services gave it and do not check again; what it had written',
  );
});

test('has no column and no word of that where no credential is of such a kind', () => {
  const text = receiptText(receipt([credential]), Date.parse(`${AT}Z`));
  expect(text).not.toMatch(/accepted|not ended/i);
});
