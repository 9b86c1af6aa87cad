// The scripts of `mayfly completion`, asked by the shells themselves what they would propose.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ran } from './fake-shell.js';

const has = (shell: string): boolean => spawnSync(shell, ['--version'], { stdio: 'ignore' }).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'mayfly-completion-'));
writeFileSync(join(folder, 'a-file'), '');

/** What is typed, the last word being the one to complete; and some of what must be proposed, or all of it. */
const TYPED: readonly [typed: readonly string[], proposed: readonly string[], all?: true][] = [
  [[''], ['serve', 'task', 'doctor', 'top', 'exec', 'completion']],
  [['ta'], ['task'], true],
  [
    ['task', ''],
    ['open', 'list', 'show', 'complete', 'extend', 'signal'],
  ],
  [['task', 'open', '--pa'], ['--parent'], true],
  [['task', 'list', '--state', ''], ['open', 'closed', 'settled'], true],
  [['task', '--url', 'http://127.0.0.1', 'complete', '--outcome', 'c'], ['completed', 'cancelled'], true],
  [['dev', 'token', '--a'], ['--as', '--audience'], true],
  [['completion', ''], ['bash', 'zsh', 'fish'], true],
  [['completion', 'f'], ['fish'], true],
  [['serve', '--config', 'a'], ['a-file'], true],
  [['revoke', '--agent', ''], [], true],
  [['exec', '--task', 't', '--', 'a'], ['a-file'], true],
];

const scripts = new Map<string, string>();
beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { exit, out } = await ran(['completion', shell]);
    expect(exit).toBe(0);
    scripts.set(shell, join(folder, `mayfly.${shell}`));
    writeFileSync(scripts.get(shell)!, out);
  }
});

const quoted = (word: string): string => `'${word}'`;
const asked = (shell: string, args: readonly string[]): string[] => {
  const { stdout, stderr, status } = spawnSync(shell, args, { cwd: folder, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
};

function expectProposals(proposals: readonly string[], proposed: readonly string[], all: boolean): void {
  if (all) expect(proposals.toSorted()).toEqual([...proposed].toSorted());
  else expect(proposals).toEqual(expect.arrayContaining([...proposed]));
}

(has('bash') ? describe : describe.skip)('bash', () => {
  test.each(TYPED)('proposes behind %j', (typed, proposed, all = false as never) => {
    const words = ['mayfly', ...typed].map(quoted).join(' ');
    const script = `source ${scripts.get('bash')}; COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _mayfly; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expectProposals(asked('bash', ['--norc', '-c', script]), proposed, all);
  });

  test('takes the script as it is documented', () => {
    const script = `eval "$(cat ${scripts.get('bash')})"; complete -p mayfly`;
    expect(asked('bash', ['--norc', '-c', script])).toEqual(['complete -o filenames -F _mayfly mayfly']);
  });
});

(has('zsh') ? describe : describe.skip)('zsh', () => {
  /** What the completion system would be handed, in the place of its menu. */
  const STUBS = `
compdef() { :; }
_files() { if [[ "$1" == -/ ]]; then print -l -- *(/); else print -l -- \${words[CURRENT]}*(N); fi }
_describe() { local name; [[ "$1" == -o ]] && shift; for name in "\${(@P)2}"; do [[ "$name" == \${words[CURRENT]}* ]] && print -- "\${name%%:*}"; done }
compadd() { shift; local name; for name; do [[ "$name" == \${words[CURRENT]}* ]] && print -- "$name"; done }
`;
  test.each(TYPED)('proposes behind %j', (typed, proposed, all = false as never) => {
    const words = ['mayfly', ...typed].map(quoted).join(' ');
    const script = `${STUBS} source ${scripts.get('zsh')}; words=(${words}); CURRENT=${typed.length + 1}; _mayfly; true`;
    expectProposals(asked('zsh', ['-f', '-c', script]), proposed, all);
  });
});

(has('fish') ? describe : describe.skip)('fish', () => {
  test.each(TYPED)('proposes behind %j', (typed, proposed, all = false as never) => {
    const script = `source ${scripts.get('fish')}; complete -C ${quoted(['mayfly', ...typed].join(' '))}`;
    const proposals = asked('fish', ['--no-config', '-c', script]).map((line) => line.split('\t')[0]!);
    expectProposals(proposals, proposed, all);
  });
});
