// What the Dockerfile's steps make, in folders instead of layers: the same commands, as a user without rights.
import { spawn } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type Stage, isInContext, lastOf, readCopy, readDockerfile } from './dockerfile.js';

/** What base images have, as far as our steps count on it. */
const OF_THE_BASE = ['etc', 'tmp', 'usr/local/bin', 'var/lib'];
const NOBODY = 65_534;

export interface Finished {
  readonly status: number | null;
  readonly output: string;
}

export class ImageTree {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mayfly-image-'));
  readonly #stages = readDockerfile();
  /** Whom the steps run as: nobody where we are root, or else ourselves. */
  readonly user =
    process.getuid?.() === 0
      ? { uid: NOBODY, gid: NOBODY }
      : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

  constructor() {
    const ofTheBase = this.#stages.flatMap((_, index) =>
      OF_THE_BASE.map((folder) => join(String(index), folder)),
    );
    for (const name of ['', 'home', ...ofTheBase]) this.#own(join(this.#folder, name));
    for (const name of readdirSync('.').filter((one) => isInContext(one))) {
      cpSync(name, join(this.#folder, 'context', name), { recursive: true });
    }
  }

  /** The tree of the last stage, which is the image. */
  get root(): string {
    return join(this.#folder, String(this.#stages.length - 1));
  }

  get image(): Stage {
    return this.#stages.at(-1)!;
  }

  /** As the image would have it: its own commands first, its variables, its paths below our folder. */
  get environment(): NodeJS.ProcessEnv {
    const variables = this.image.instructions
      .filter(({ name }) => name === 'ENV')
      .flatMap(({ text }) => text.split(' '))
      .map((pair) => pair.split('=') as [string, string])
      .map(([name, value]) => [name, value.startsWith('/') ? join(this.root, value) : value]);
    return {
      ...this.#plain,
      ...Object.fromEntries(variables),
      PATH: `${join(this.root, 'usr/local/bin')}:${process.env['PATH']}`,
    };
  }

  /** What a step begins with: none of what the tests run by. */
  get #plain(): NodeJS.ProcessEnv {
    const { NODE_ENV: _, ...env } = process.env;
    return { ...env, HOME: join(this.#folder, 'home') };
  }

  get workingFolder(): string {
    return join(this.root, lastOf(this.image, 'WORKDIR') ?? '/');
  }

  async build(): Promise<void> {
    for (const [index, stage] of this.#stages.entries()) await this.#buildStage(index, stage);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #buildStage(index: number, { instructions }: Stage): Promise<void> {
    const root = join(this.#folder, String(index));
    let folder = root;
    for (const { name, text } of instructions) {
      if (name === 'WORKDIR') {
        folder = join(root, text);
        this.#own(folder);
      } else if (name === 'COPY') {
        this.#copy(text, root, folder);
      } else if (name === 'RUN') {
        const command = text
          .replaceAll(/(^|\s)(\/[\w./-]+)/g, (_, before: string, path: string) => before + join(root, path))
          // The image's user is ours here.
          .replace('-o 1000 -g 1000', `-o ${this.user.uid} -g ${this.user.gid}`);
        const { status, output } = await this.run(['sh', '-c', command], folder, this.#plain);
        if (status !== 0) throw new Error(`RUN ${text}: ${status}\n${output}`);
      }
    }
  }

  #copy(text: string, root: string, folder: string): void {
    const { from, sources, target } = readCopy(text);
    const stage = this.#stages.findIndex(({ name }) => name === from);
    const origin = join(this.#folder, from === undefined ? 'context' : String(stage));
    for (const source of sources) {
      const written = join(origin, source);
      const to = target.startsWith('/') ? join(root, target) : resolve(folder, target);
      // A folder's content goes to the target itself, files go below a target that ends in a slash.
      const into = target.endsWith('/') && statSync(written).isFile() ? join(to, basename(source)) : to;
      cpSync(written, into, { recursive: true, verbatimSymlinks: true });
    }
  }

  /** Runs to its end, with all that it said. */
  run(command: readonly string[], cwd: string, env = this.environment): Promise<Finished> {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd,
      env: { ...env, npm_config_cache: join(this.#folder, 'home', 'npm') },
      ...this.user,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
    return new Promise((done, reject) => {
      child.once('error', reject).once('close', (status) => done({ status, output }));
    });
  }

  /** In an image the steps run as root; what is copied stays root's here too, so that nobody can read it at most. */
  #own(folder: string): void {
    mkdirSync(folder, { recursive: true });
    chownSync(folder, this.user.uid, this.user.gid);
  }
}
