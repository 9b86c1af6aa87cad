// What a page tells people to type, in its order: `sh` blocks whole, and of `console` blocks each command with what it shows.
export interface Typed {
  /** Where it stands: for a message that somebody can follow. */
  readonly line: number;
  /** The headings above it, outermost first. */
  readonly headings: readonly string[];
  readonly language: 'sh' | 'console';
  /** What stands behind the language, such as `part=docker`: what this needs that is not on every machine. */
  readonly needs: readonly string[];
  readonly text: string;
  /** Of a `console` block, or of the `text` block that follows: what comes out. `…` stands for anything. */
  readonly shown?: string;
}

interface Fence {
  readonly line: number;
  readonly headings: readonly string[];
  readonly info: readonly string[];
  readonly lines: readonly string[];
}

/** Every fenced block of the page. @throws where one is not closed */
function fencesIn(markdown: string): Fence[] {
  const fences: Fence[] = [];
  const headings: string[] = [];
  let open: { line: number; indent: string; info: string[]; lines: string[] } | undefined;
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^( *)```(.*)$/.exec(text);
    if (open && fence && fence[2] === '') {
      fences.push({ ...open, headings: [...headings] });
      open = undefined;
    } else if (open) {
      open.lines.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
    } else if (fence) {
      open = { line: index + 1, indent: fence[1]!, info: fence[2]!.split(' ').filter(Boolean), lines: [] };
    } else {
      const heading = /^(#+) (.*)$/.exec(text);
      if (heading) headings.splice(heading[1]!.length - 1, Infinity, heading[2]!);
    }
  }
  if (open) throw new Error(`the block of line ${open.line} is not closed`);
  return fences;
}

export function typedIn(markdown: string): Typed[] {
  const typed: Typed[] = [];
  for (const { line, headings, info, lines } of fencesIn(markdown)) {
    const [language, ...needs] = info;
    const place = { line, headings, needs };
    // A prompt says what it is, whatever the block is called.
    if (language === undefined && lines.some((one) => one.startsWith('$ ')))
      throw new Error(`the block of line ${line} is to be called console`);
    if (language === 'sh') typed.push({ ...place, language, text: lines.join('\n') });
    else if (language === 'console')
      typed.push(...dialogue(lines).map((turn): Typed => ({ ...place, language: 'console', ...turn })));
    else if (language === 'text' && typed.at(-1)?.language === 'sh') {
      typed.push({ ...typed.pop()!, shown: lines.join('\n') });
    }
  }
  return typed;
}

/** `$ ` begins what is typed, `> ` goes on with it, anything else came out. A block without `$ ` is all typed. */
function dialogue(lines: readonly string[]): { text: string; shown?: string }[] {
  if (!lines.some((line) => line.startsWith('$ '))) return [{ text: lines.join('\n') }];
  const turns: { text: string[]; shown: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith('$ ')) turns.push({ text: [line.slice(2)], shown: [] });
    else if (line.startsWith('> ') && turns.at(-1)?.shown.length === 0)
      turns.at(-1)!.text.push(line.slice(2));
    else turns.at(-1)?.shown.push(line);
  }
  return turns.map(({ text, shown }) => ({
    text: text.join('\n'),
    ...(shown.length > 0 && { shown: shown.join('\n') }),
  }));
}

/** What is another one each time: anything, a name that chance made, a time, a number with or without a unit, a column. */
const CHANCE: readonly (readonly [seen: string, any: string])[] = [
  [String.raw`\n?…`, '[^]*?'],
  [String.raw`\b(?:lease|req)_[0-9a-z]*…?`, '(?:lease|req)_[0-9a-z]+…?'],
  // How long ago comes with it, or `now`.
  [
    String.raw`\d{4}-\d\d-\d\d[T ][\d:.]+Z?(?: \(\w+ ago\))?`,
    String.raw`\d{4}-\d\d-\d\d[T ][\d:.]+Z?(?: \([^)]*\))?`,
  ],
  [String.raw`\b\d+(?:\.\d+)?(?:ms|s|m|h|d)?\b`, String.raw`\d+(?:\.\d+)?(?:ms|s|m|h|d)?`],
  [' {2,}', ' +'],
];
const ANY_CHANCE = new RegExp(CHANCE.map(([seen]) => `(${seen})`).join('|'), 'g');

const literally = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

/** What comes out, compared with what the page shows: letter by letter, but for what is another one each time. */
export function patternOf(shown: string): RegExp {
  let pattern = '';
  let end = 0;
  for (const found of shown.trim().matchAll(ANY_CHANCE)) {
    pattern += literally(shown.trim().slice(end, found.index));
    pattern += CHANCE[found.slice(1).findIndex((group) => group !== undefined)]![1];
    end = found.index + found[0].length;
  }
  return new RegExp(pattern + literally(shown.trim().slice(end)));
}
