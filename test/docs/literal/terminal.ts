// A terminal in an empty folder, with what npm would put on the path: types what a page says, command by command.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { Typed } from './blocks.js';

export interface Said {
  readonly typed: Typed;
  readonly exit: number;
  readonly out: string;
}

export interface Terminal {
  readonly folder: string;
  /** Types all of it into one shell. A command that fails does not end the shell: it is in the answer. */
  type(lines: readonly Line[], variables: Readonly<Record<string, string>>): Promise<Said[]>;
  /** Ends what it left running, and removes the folder. */
  close(): void;
}

export interface Line {
  readonly typed: Typed;
  /** What is really typed: the page's text, with names that chance made put in. */
  readonly text: string;
  /** Typed before it, and not part of the page: who the person at the terminal is. */
  readonly before?: string;
}

/** Goes on until somebody ends it: the next command is typed in another window. */
const GOES_ON = /^\s*mayfly (?:serve(?!.*--check)|dev(?! token)|top(?!.*--once))/;
const MARK = '\u0007literal';

export function openTerminal(): Terminal {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-literal-'));
  const bin = mkdtempSync(join(tmpdir(), 'mayfly-literal-bin-'));
  // As npm does it, by a link: the command calls itself as it was called.
  const link = join(bin, 'linked', 'mayfly');
  mkdirSync(join(bin, 'linked'));
  symlinkSync(resolve('dist/cli/mayfly.js'), link);
  writeFileSync(join(bin, 'mayfly'), `#!/bin/sh\nexec node ${link} "$@"\n`, { mode: 0o755 });
  const groups: number[] = [];
  return {
    folder,
    async type(lines, variables) {
      const path = [bin, process.env['PATH']].join(delimiter);
      const env = {
        PATH: path,
        HOME: folder,
        NODE_NO_WARNINGS: '1',
        TERM: 'dumb',
        COLUMNS: '200',
        ...variables,
      };
      const child = spawn('bash', ['-c', shellOf(lines)], {
        cwd: folder,
        env,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      groups.push(child.pid!);
      let written = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (written += text));
      // Not `close`: what goes on in the background holds the pipes open.
      await new Promise((done, failed) => child.once('exit', done).once('error', failed));
      await new Promise((done) => setImmediate(done));
      return saidIn(written, lines);
    },
    close() {
      for (const group of groups) {
        try {
          process.kill(-group, 'SIGKILL');
        } catch {
          // All of it has ended.
        }
      }
      for (const made of [folder, bin]) rmSync(made, { recursive: true, force: true });
    },
  };
}

/** One shell for all: what a page sets, it may use further down. */
const shellOf = (lines: readonly Line[]): string =>
  [
    'exec 2>&1; set -o pipefail; shopt -s expand_aliases',
    ...lines.map(({ text, before, typed }, index) =>
      [
        before ?? '',
        `printf '\\n${MARK} ${index}\\n'`,
        typedText(text, typed, index),
        `printf '\\n${MARK} ${index} %s\\n' "$?"`,
      ].join('\n'),
    ),
    'exit 0',
  ].join('\n');

function typedText(text: string, { language, shown }: Typed, index: number): string {
  if (GOES_ON.test(text)) {
    const log = `going-on-${index}.log`;
    return `{ ${text.trim()}\n} > ${log} 2>&1 &
      for _ in $(seq 200); do grep -qs '"msg":"listening"\\|listens at' ${log} && break; sleep 0.1; done
      cat ${log}; grep -qs '"msg":"listening"\\|listens at' ${log}`;
  }
  // A question is asked of a person at a terminal only: this one says yes.
  if (language === 'console' && shown?.includes('Type yes:')) {
    return `printf 'yes\\n' | script -qefc ${quoted(text)} /dev/null`;
  }
  // Each command of a block must work, not the last alone; a subshell would lose what the block sets.
  return `trap 'failed=$?' ERR; failed=0\n${text}\ntrap - ERR; (exit $failed)`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

function saidIn(written: string, lines: readonly Line[]): Said[] {
  return lines.map(({ typed }, index) => {
    const [, behind = ''] = written.split(`${MARK} ${index}\n`);
    const end = new RegExp(`\\n${MARK} ${index} (\\d+)\\n`).exec(behind);
    const out = behind.slice(0, end?.index ?? behind.length).replaceAll('\r', '');
    return { typed, exit: Number(end?.[1] ?? -1), out };
  });
}
