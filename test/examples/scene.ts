// What an example needs around it: a real broker, a real tool that asks it, and a workload token in a file.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { type Crm, startCrm } from '../../examples/demo/crm.js';
import type { LeaseView } from '../../src/wire/leases.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { CRM } from '../fixtures/broker-configuration.js';
import { BrokerProcess } from '../fixtures/broker-process.js';

export const hasProgram = (name: string): boolean =>
  spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;

export interface Ran {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** A program that runs, with what it has said so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<Ran>;
}

export class Scene {
  readonly folder: string;
  readonly broker: BrokerProcess;
  readonly crm: Crm;
  readonly #bin: string;

  private constructor(folder: string, broker: BrokerProcess, crm: Crm) {
    this.folder = folder;
    this.broker = broker;
    this.crm = crm;
    this.#bin = join(folder, 'bin');
    mkdirSync(this.#bin);
    // As npm would put it there.
    const script = `#!/bin/sh\nexec '${process.execPath}' '${resolve('dist/cli/mayfly.js')}' "$@"\n`;
    writeFileSync(join(this.#bin, 'mayfly'), script, { mode: 0o755 });
  }

  /** @param prepare may put files beside the broker's configuration before it starts */
  static async start(terms: Terms = {}, prepare: (folder: string) => void = () => undefined): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'mayfly-example-'));
    const broker = await BrokerProcess.prepare(terms);
    prepare(broker.folder);
    await broker.start();
    const crm = await startCrm({
      broker: broker.url,
      audience: CRM.audience,
      tool: 'crm',
      ownToken: () => Promise.resolve(broker.workloads.token('crm-api')),
    });
    return new Scene(folder, broker, crm);
  }

  /** The path that programs are looked for on, `mayfly` among them. */
  get path(): string {
    return [this.#bin, process.env['PATH']].join(delimiter);
  }

  /** A file with the workload token of an agent. */
  tokenFile(agent = 'agent-1'): string {
    const file = join(this.folder, `${agent}.token`);
    writeFileSync(file, `${this.broker.workloads.token(agent)}\n`, { mode: 0o600 });
    return file;
  }

  /** Nothing of the environment of whoever runs the tests. */
  run(program: string, args: readonly string[], variables: Readonly<Record<string, string>>): Running {
    const env = { PATH: this.path, NODE_NO_WARNINGS: '1', HOME: this.folder, ...variables };
    const child = spawn(program, args, { env, cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
    const ended = new Promise<Ran>((done, failed) =>
      child.once('error', failed).once('close', (exit) => done({ exit, ...said })),
    );
    return { child, said: () => said.out + said.err, ended };
  }

  async leases(task: string): Promise<LeaseView[]> {
    const path = `/v1/leases?task=${task}`;
    return (await this.broker.get<{ leases: LeaseView[] }>(path, 'operator')).body.leases;
  }

  async stop(): Promise<void> {
    await this.crm.stop();
    await this.broker.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
