// The built command as a program of its own: started, written to, read from, signalled.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const SCRIPT = fileURLToPath(new URL('../../dist/cli/mayfly.js', import.meta.url));

export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on until it is told to stop. */
export interface Going {
  readonly child: ChildProcess;
  /** Resolves once what it has written to either stream matches; rejects with all of it when it ends before. */
  written(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

type Variables = Readonly<Record<string, string>>;

export const start = (args: readonly string[], variables?: Variables, cwd?: string): Going =>
  startProgram(process.execPath, [SCRIPT, ...args], variables, cwd);

/** The same for any program. */
export function startProgram(
  program: string,
  args: readonly string[],
  variables: Variables = {},
  cwd?: string,
): Going {
  // Nothing of the environment of whoever runs the tests: it may name a broker or a token.
  const env = { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...variables };
  // In a process group of its own, by which what it has started in turn can be ended.
  const child = spawn(program, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const texts = { out: '', err: '' };
  const watchers = new Set<() => void>();
  const keep = (name: 'out' | 'err') => (chunk: Buffer) => {
    texts[name] += chunk.toString('utf8');
    for (const watch of watchers) watch();
  };
  child.stdout.on('data', keep('out'));
  child.stderr.on('data', keep('err'));
  const ended = once(child, 'close').then(([exit]) => ({ exit: exit as number | null, ...texts }));
  const written = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        const found = pattern.exec(texts.out) ?? pattern.exec(texts.err);
        if (!found) return;
        watchers.delete(watch);
        resolve(found);
      };
      watchers.add(watch);
      watch();
      void ended.then(({ out, err }) =>
        reject(new Error(`it ended before it wrote ${pattern}:\n${out}\n${err}`)),
      );
    });
  return { child, written, ended };
}

/** Runs one command to its end. */
export function command(args: readonly string[], variables: Variables = {}, input = ''): Promise<Ended> {
  const { child, ended } = start(args, variables);
  child.stdin?.end(input);
  return ended;
}

export async function stop(going: Going | undefined): Promise<Ended | undefined> {
  going?.child.kill('SIGTERM');
  return going?.ended;
}

/** Below the range that the system lends out for outgoing connections, so that none of them takes it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    server.listen(20_000 + Math.floor(Math.random() * 10_000), '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return port;
    } catch {
      // taken: another one
    }
  }
}
