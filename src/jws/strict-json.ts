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

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Walks text that JSON.parse took: the names of each object that is open, and whether a name comes next. */
function isStrict(text: string): boolean {
  // Most texts have no escapes at all: then a string ends at the next quote, and says what stands there.
  const escapes = text.includes('\\');
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let nameNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
      case OPEN_LIST:
        nameNext = text.charCodeAt(at) === OPEN_OBJECT;
        names = nameNext ? new Set() : undefined;
        if (open.push(names) > MOST_DEPTH) return false;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop();
        names = open.at(-1);
        nameNext = false;
        break;
      case COMMA:
        nameNext = names !== undefined;
        break;
      case QUOTE: {
        const end = escapes ? endOfString(text, at) : text.indexOf('"', at + 1);
        // What is written as it stands was UTF-8, which has no halves of characters.
        const escaped = escapes && text.slice(at, end).includes('\\');
        if (escaped || nameNext) {
          const said = escaped ? unescaped(text, at, end) : text.slice(at + 1, end);
          if (escaped && LONE_SURROGATE.test(said)) return false;
          if (nameNext && !isNewName(said, names!)) return false;
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
const unescaped = (text: string, start: number, end: number): string =>
  JSON.parse(text.slice(start, end + 1)) as string;

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
