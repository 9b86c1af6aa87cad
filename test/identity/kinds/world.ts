// Every kind of trust in one configuration, as the file writes it: two clusters, GitHub, two trust domains, an OIDC issuer.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { settingsFrom } from '../../../src/config/load.js';
import type { VerifiedPrincipal } from '../../../src/domain/principal.js';
import { Refusal, type RefusalReason } from '../../../src/domain/refusal.js';
import { Authenticator } from '../../../src/identity/authenticate.js';
import { KeySources } from '../../../src/identity/key-source.js';
import { SettableClock } from '../../contract/store/harness.js';
import { Github } from '../../fixtures/github.js';
import { forge, type IssuerKey, issuerKey } from '../../fixtures/idp-keys.js';
import { noReplays, OWN_ISSUER } from '../scene.js';

export type Claims = Readonly<Record<string, unknown>>;
export type Attack = readonly [name: string, token: () => string | Promise<string>, reason: RefusalReason];

export const CLUSTER = 'https://kubernetes.a.example';
export const OTHER_CLUSTER = 'https://kubernetes.b.example';
export const PARTNER = 'https://oidc.partner.example';
export const POD_UID = '3f2504e0-4f89-11d3-9a0c-0305e82c3301';

const common = { audience: 'mayfly' };
/** As a platform team would write it. */
export const TRUST = {
  cluster: {
    ...common,
    name: 'cluster',
    kind: 'kubernetes',
    issuer: CLUSTER,
    jwks_file: 'cluster.json',
    roles: {
      agent: [
        { namespace: 'agents', service_account: 'agent-*', pod: '*' },
        { namespace: 'batch', service_account: 'job', pod_uid: POD_UID },
        { namespace: 'nodes', service_account: 'daemon', node: 'node-*' },
      ],
      orchestrator: { namespace: 'platform', service_account: 'planner' },
    },
  },
  other: {
    ...common,
    name: 'other',
    kind: 'kubernetes',
    issuer: OTHER_CLUSTER,
    jwks_file: 'other.json',
    roles: { agent: { namespace: 'guests', service_account: '*' } },
  },
  github: {
    ...common,
    name: 'github',
    kind: 'github',
    jwks_file: 'github.json',
    roles: {
      agent: [
        { repository_id: 74, ref: 'refs/heads/main', event_name: ['push', 'schedule'] },
        { repository_owner_id: 65, environment: 'production eu' },
        {
          repository_owner_id: [65],
          job_workflow_ref: 'acme/workflows/.github/workflows/agent.yml@refs/tags/v*',
        },
      ],
    },
  },
  prod: {
    ...common,
    name: 'prod',
    kind: 'spiffe',
    trust_domain: 'prod.example',
    bundle_file: 'prod.json',
    algorithms: ['ES256', 'RS256'],
    roles: {
      agent: { path: '/agents/*' },
      orchestrator: { spiffe_id: 'spiffe://prod.example/ns/platform/sa/planner' },
    },
  },
  staging: {
    ...common,
    name: 'staging',
    kind: 'spiffe',
    trust_domain: 'staging.example',
    bundle_file: 'staging.json',
    roles: { agent: { path: '/agents/*' } },
  },
  empty: {
    ...common,
    name: 'empty',
    kind: 'spiffe',
    trust_domain: 'gone.example',
    bundle_file: 'empty.json',
    roles: { agent: { path: '/agents/*' } },
  },
  partner: {
    ...common,
    name: 'partner',
    kind: 'oidc',
    issuer: PARTNER,
    jwks_file: 'partner.json',
    roles: { agent: { sub: 'visitor-*' } },
  },
};

const configuration = (trust: readonly object[]): string =>
  stringify({
    issuer: OWN_ISSUER,
    listen: '127.0.0.1:8420',
    store: { kind: 'embedded', path: './mayfly.db' },
    trust,
    tools: {
      crm: {
        plane: 'data',
        audience: 'https://crm.example',
        actions: ['read'],
        credential: { kind: 'jwt' },
      },
    },
  });

export const clock = new SettableClock();
export const now = (): number => Math.floor(clock.now() / 1000);

export let keys: Readonly<
  Record<'cluster' | 'other' | 'prod' | 'prodRsa' | 'staging' | 'x509' | 'partner' | 'stranger', IssuerKey>
>;
export let github: Github;
export let authenticator: Authenticator;

let folder: string;

export const write = (name: string, content: unknown): void =>
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

/** As a bundle holds it: without `alg`, and for one kind of identity only. */
export const svidJwk = ({ jwk }: IssuerKey, use: string | undefined = 'jwt-svid'): object => {
  const { alg: _, use: __, ...rest } = jwk;
  return { ...rest, ...(use !== undefined && { use }) };
};

/** An authenticator by these entries of the file. */
export async function trusting(...trust: readonly object[]): Promise<Authenticator> {
  const settings = await settingsFrom(configuration(trust), join(folder, 'mayfly.yaml'));
  const sources = new KeySources(clock);
  return new Authenticator({
    trust: settings.trust,
    ownIssuer: OWN_ISSUER,
    sources,
    clock,
    store: noReplays,
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-trust-'));
  keys = {
    cluster: await issuerKey('RS256', 'k1'),
    // The same name, as two clusters that were made by one recipe have.
    other: await issuerKey('RS256', 'k1'),
    prod: await issuerKey('ES256', 'svid'),
    prodRsa: await issuerKey('RS256', 'svid-rsa'),
    staging: await issuerKey('ES256', 'svid'),
    x509: await issuerKey('ES256', 'x509'),
    partner: await issuerKey('ES256', 'p1'),
    stranger: await issuerKey('RS256', 'k1'),
  };
  github = await Github.of(clock);
  write('cluster.json', { keys: [keys.cluster.jwk] });
  write('other.json', { keys: [keys.other.jwk] });
  write('github.json', github.jwks);
  write('partner.json', { keys: [keys.partner.jwk] });
  write('prod.json', {
    spiffe_sequence: 7,
    spiffe_refresh_hint: 60,
    keys: [svidJwk(keys.prod), svidJwk(keys.prodRsa), svidJwk(keys.x509, 'x509-svid')],
  });
  write('staging.json', { keys: [svidJwk(keys.staging)] });
  write('empty.json', { keys: [] });
  authenticator = await trusting(...Object.values(TRUST));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @throws Error with the refusal, where there is one. */
export async function accepted(token: string, by: Authenticator = authenticator): Promise<VerifiedPrincipal> {
  const answer = await by.authenticate(token);
  if (answer instanceof Refusal) throw new Error(`${answer.reason}: ${answer.detail}`);
  return answer;
}

export async function reasonOf(
  token: string,
  by: Authenticator = authenticator,
): Promise<RefusalReason | undefined> {
  const answer = await by.authenticate(token);
  return answer instanceof Refusal ? answer.reason : undefined;
}

/** Each is refused for its reason. */
export function refuses(attacks: readonly Attack[]): void {
  test.each(attacks)('%s', async (_, token, reason) => {
    expect(await reasonOf(await token())).toBe(reason);
  });
}

/** A token with any header and claims, signed by this key as its algorithm says. */
export const signed = (key: IssuerKey, claims: Claims, header: Claims = {}): string =>
  forge(key, { alg: key.algorithm, kid: key.kid, ...header }, claims);
