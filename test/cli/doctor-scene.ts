// A set-up that is well: an issuer that runs, a configuration with a seal key; for tests that break one thing of it.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../examples/demo/port.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { cliEnvironment } from '../../src/config/environment.js';
import { systemClock } from '../../src/domain/clock.js';
import { CRM, GENEROUS, type Terms } from '../fixtures/broker-configuration.js';
import { Idp } from '../fixtures/idp.js';
import { type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { ran } from './fake-shell.js';

export interface Examined {
  readonly exit: number;
  readonly broken: readonly Finding[];
  readonly cautions: readonly Finding[];
  readonly ok: readonly Finding[];
}

export const sealKey = (): string => randomBytes(32).toString('base64');

export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'mayfly-doctor-'));
  readonly idp: Idp;
  readonly key: IssuerKey;
  readonly port: number;
  seal = sealKey();

  private constructor(idp: Idp, key: IssuerKey, port: number) {
    this.idp = idp;
    this.key = key;
    this.port = port;
    mkdirSync(join(this.folder, 'data'), { mode: 0o700 });
  }

  static async set(): Promise<Scene> {
    const key = await issuerKey('ES256', 'k1');
    return new Scene(await Idp.start(systemClock(), key), key, await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  trust(terms: Terms = {}): object {
    return {
      name: 'cluster',
      kind: 'oidc',
      issuer: this.idp.issuer,
      audience: 'mayfly',
      roles: { agent: { sub: 'agent-*' }, operator: { sub: ['ann', 'bob'], groups: ['oncall'] } },
      ...terms,
    };
  }

  /** Writes a file beside the configuration and answers its path. */
  file(name: string, content: string, mode = 0o600): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  configure(terms: Terms = {}): string {
    return this.file(
      'mayfly.yaml',
      JSON.stringify({
        issuer: this.url,
        listen: `127.0.0.1:${this.port}`,
        store: { kind: 'embedded', path: './data/mayfly.db' },
        trust: [this.trust()],
        tools: { crm: CRM },
        limits: GENEROUS,
        ...terms,
      }),
    );
  }

  /** Of a configuration with these terms; or with other arguments, of whatever those say. */
  async examine(terms: Terms = {}, args: readonly string[] = []): Promise<Examined> {
    return examined(['--config', this.configure(terms), ...args], { MAYFLY_SEAL_KEY: this.seal });
  }

  async end(): Promise<void> {
    await this.idp.goDown().catch(() => {});
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs the command in an environment of its own. */
export async function examined(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Examined> {
  const kept = { ...process.env };
  Object.assign(process.env, variables);
  try {
    const { exit, out, err } = await ran(['doctor', ...args, '--json'], {
      environment: cliEnvironment(variables),
    });
    if (out === '') throw new Error(err);
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    const of = (level: Finding['level']) => findings.filter((finding) => finding.level === level);
    return { exit, broken: of('broken'), cautions: of('caution'), ok: of('ok') };
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, kept);
  }
}
