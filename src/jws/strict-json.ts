// Strict JSON objects: valid UTF-8, no member twice. JSON.parse keeps the last of two, another reader may keep the first.

const MOST_DEPTH = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object, or undefined for anything that is not one, is nested too deeply, or says something twice. */
export function parseStrictObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && saysNothingTwice(text) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Walks text that JSON.parse took: the names of each object that is open, and whether a name comes next. */
function saysNothingTwice(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let nameNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        if (open.push(text[at] === '{' ? new Set() : undefined) > MOST_DEPTH) return false;
        nameNext = text[at] === '{';
        break;
      case '}':
      case ']':
        open.pop();
        nameNext = false;
        break;
      case ',':
        nameNext = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (nameNext) {
          const name = JSON.parse(text.slice(at, end + 1)) as string;
          const names = open.at(-1)!;
          if (names.has(name) || name === '__proto__') return false;
          names.add(name);
          nameNext = false;
        }
        at = end;
        break;
      }
      default:
    }
  }
  return true;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
