// A folder as somebody who writes policies has it: a configuration, policies, cases; and a broker's record to judge them by.
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../src/domain/secret.js';
import type { AuditEventView } from '../../src/wire/audit.js';
import { type InPlaceOfBroker, answering, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { type Ran, ran } from './fake-shell.js';

/** The store is out of reach, and the secret for it nowhere: policies are judged without. */
const CONFIGURATION = `issuer: http://127.0.0.1:8420
listen: 127.0.0.1:8420
store: { kind: redis, url: redis://redis.example, password_env: NOWHERE_SET }
trust:
  - name: cluster
    kind: oidc
    issuer: https://oidc.example
    audience: mayfly
    roles: { agent: { sub: 'agent-*' } }
tools:
  crm: { plane: data, audience: https://crm.example, actions: [read, write], sensitivity: confidential, credential: { kind: jwt } }
  search: { plane: tool, audience: https://search.example, actions: [query], sensitivity: public, credential: { kind: jwt } }
policies: ./policies
`;

export const CRM = `@id("crm-read")
@max_ttl("60s")
permit (principal, action, resource == Tool::"crm")
when { principal.hasTag("groups") && principal.getTag("groups").contains("billing") }
when { context.actions == ["read"] && (context.ttl <= 300 || context.labels.contains("long=yes")) };

@id("crm-write")
@approval("somebody writes")
permit (principal is Agent, action, resource == Tool::"crm")
when { context.actions.contains("write") && principal.subject == "agent-1" };
`;

const FLOW = `@id("search")
permit (principal, action, resource == Tool::"search");

@id("no-leak")
@reason("confidential data was read in this task")
forbid (principal, action, resource)
when { context.plane == "tool" && context.held.data.contains("confidential") }
when { context.signals.contains("untrusted_content") || context.refusals > 5 };
`;

export interface PolicyFolder {
  readonly folder: string;
  readonly policies: string;
  /** Writes a file beside the policies; answers where it is. */
  write(name: string, text: string): string;
  /** Runs `mayfly policy …` with this configuration. */
  run(...args: string[]): Promise<Ran>;
}

export function policyFolder(files: Readonly<Record<string, string>> = {}): PolicyFolder {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-policy-'));
  const policies = join(folder, 'policies');
  const configPath = join(folder, 'mayfly.yaml');
  mkdirSync(policies);
  writeFileSync(configPath, CONFIGURATION);
  const write = (name: string, text: string): string => {
    const file = join(policies, name);
    writeFileSync(file, text);
    return file;
  };
  for (const [name, text] of Object.entries({ 'crm.cedar': CRM, 'flow.cedar': FLOW, ...files }))
    write(name, text);
  const run = (...args: string[]): Promise<Ran> => ran(['policy', ...args], { environment: { configPath } });
  return { folder, policies, write, run };
}

/** One that has these pages on record, newest first, and nothing else. */
export const brokerWith = (...pages: readonly (readonly AuditEventView[])[]): Promise<InPlaceOfBroker> =>
  inPlaceOfBroker(
    ...pages.map((events, index) =>
      answering(200, { events, ...(index < pages.length - 1 && { next: events.at(-1)!.sequence }) }),
    ),
  );

export const asAuditorOf = (
  { url }: InPlaceOfBroker,
  { folder }: PolicyFolder,
  ...args: string[]
): Promise<Ran> =>
  ran(['policy', ...args], {
    environment: { url, token: new Secret('a.b.c'), configPath: join(folder, 'mayfly.yaml') },
  });
