// Makes text that others wrote harmless to a terminal. A task's purpose is untrusted: it could move the cursor,
// rewrite lines that stand above it, or turn the direction of reading round.

/** Controls (C0, DEL, C1), format characters (direction, zero width, tags), separators of lines, halves of pairs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text on one line, every character of it seen: `\n`, `\x1b`, `\u{202e}` stand for what would not be. */
export function plain(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    return NAMED[character] ?? (code <= 0xff ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
  });
}

/** JSON that says the same, with what would not be seen as JSON's own escapes. Line breaks between values stay. */
export function plainJson(json: string): string {
  return json.replace(UNSEEN, (character) =>
    /[\n\r\t]/.test(character)
      ? character
      : Array.from({ length: character.length }, (_, unit) => escaped(character.charCodeAt(unit))).join(''),
  );
}

const escaped = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** The beginning of a long text, marked as such. */
export function clip(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
