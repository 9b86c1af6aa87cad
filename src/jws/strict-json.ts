// Strict JSON objects (RFC 7493): valid UTF-8, no member twice. JSON.parse keeps the last of two, another reader the first.

const MOST_DEPTH = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Half a character: two different ones are the same U+FFFD once they are written as UTF-8, so names would collide. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The object, or undefined for anything that is not one, is nested too deeply, or says something twice. */
export function parseStrictObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && isStrict(text) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Walks text that JSON.parse took: the names of each object that is open, and whether a name comes next. */
function isStrict(text: string): boolean {
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
        // What is written as it stands was UTF-8, which has no halves of characters.
        const escaped = text.slice(at, end).includes('\\');
        if (escaped || nameNext) {
          const said = unescaped(text, at, end);
          if (escaped && LONE_SURROGATE.test(said)) return false;
          if (nameNext && !isNewName(said, open.at(-1)!)) return false;
        }
        nameNext = false;
        at = end;
        break;
      }
      default:
    }
  }
  return true;
}

/** `__proto__` is refused too: it is an own member here, and a prototype wherever members are copied one by one. */
const isNewName = (name: string, names: Set<string>): boolean =>
  name !== '__proto__' && names.size < names.add(name).size;

/** Names are compared as they are meant: `"\u0069ss"` is `iss`. */
function unescaped(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, quote: number): boolean {
  let first = quote;
  while (text[first - 1] === '\\') first--;
  return (quote - first) % 2 === 1;
}
