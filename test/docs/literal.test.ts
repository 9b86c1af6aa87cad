// Every command that README.md and docs/ tell people to type is typed, as it stands: it works, and shows what is shown.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Typed } from './literal/blocks.js';
import { patternOf, typedIn } from './literal/blocks.js';
import type { Scene } from './literal/scenes.js';
import { ELSEWHERE, missing, PARTS, SCENES } from './literal/scenes.js';
import type { Terminal } from './literal/terminal.js';
import { openTerminal } from './literal/terminal.js';

const PAGES = below('.', false).concat(below('docs'), below('deploy'), below('examples'));

function below(folder: string, recursive = true): string[] {
  return readdirSync(folder, { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(folder, name));
}

const typedOn = (page: string): Typed[] => typedIn(readFileSync(page, 'utf8'));
const partsOf = (needs: readonly string[]): string[] =>
  needs.flatMap((need) => (need.startsWith('part=') ? [need.slice('part='.length)] : []));
const isElsewhere = (page: string, { headings, text, needs }: Typed): boolean =>
  partsOf(needs).some((part) => part in PARTS) ||
  ELSEWHERE.some(
    (one) =>
      one.page === page && (one.below === undefined || headings.includes(one.below)) && one.what.test(text),
  );

const terminals: Terminal[] = [];
afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.close();
});

describe('what people are told to type', () => {
  test('is typed here or in the test that is named, on every page', () => {
    const nowhere = PAGES.flatMap((page) =>
      SCENES.some((scene) => scene.page === page)
        ? []
        : typedOn(page)
            .filter((typed) => !isElsewhere(page, typed))
            .map(({ line, text }) => `${page}:${line}: ${text.split('\n')[0]}`),
    );
    expect(nowhere).toEqual([]);
  });

  test('and what is typed elsewhere is still there to be typed', () => {
    const stale = ELSEWHERE.filter(({ page, what }) => !typedOn(page).some(({ text }) => what.test(text)));
    expect(stale).toEqual([]);
    const marked = PAGES.flatMap((page) => typedOn(page).flatMap(({ needs }) => partsOf(needs)));
    expect([...new Set(marked)].toSorted()).toEqual(Object.keys(PARTS).toSorted());
  });

  for (const scene of SCENES) {
    const { page, needs = [] } = scene;
    const absent = missing(needs);
    (absent.length > 0 ? test.skip : test)(
      `${page}: works as it is written, and comes out as it is shown`,
      () => follow(scene),
      120_000,
    );
  }
});

async function follow(scene: Scene): Promise<void> {
  const { page } = scene;
  const terminal = openTerminal();
  terminals.push(terminal);
  const {
    variables,
    before = () => '',
    put = (text: string) => text,
    stop,
  } = await scene.set(terminal.folder);
  try {
    const lines = typedOn(page)
      .filter((typed) => !isElsewhere(page, typed))
      .map((typed) => ({ typed, text: put(typed.text), before: before(typed) }));
    expect(lines.length).toBeGreaterThan(0);
    const wrong = (await terminal.type(lines, variables)).flatMap(({ typed, exit, out }) => {
      const { line, text, shown } = typed;
      // A page that shows a refusal tells of a command that ends with one.
      const refused = shown !== undefined && /^mayfly: |^\S+: not /.test(shown);
      const flaw =
        (exit !== 0 && !refused && `ended with ${exit}`) ||
        (exit === 0 && refused && 'ended well, where a refusal is shown') ||
        (shown !== undefined && !patternOf(shown).test(out) && `does not show\n${shown}`);
      return flaw ? [`${page}:${line}: ${text}\n${flaw}; it said\n${out}`] : [];
    });
    expect(wrong.join('\n\n')).toBe('');
  } finally {
    await stop?.();
  }
}
