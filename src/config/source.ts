// The YAML text: what it says, and where each part of it stands.
import {
  type Document,
  LineCounter,
  type Node,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
} from 'yaml';
import { ConfigurationError, type Mistake, type Path, pathText } from './mistakes.js';
import { nestsTooDeeply } from './nesting.js';
import { objectionsTo } from './objections.js';

/** Far more than any catalogue needs, and little enough to be read in a moment. */
const MOST_CHARACTERS = 1024 * 1024;

interface Found {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

/** A YAML file that could be read. `flaws` are mistakes that leave the rest of it readable. */
export class YamlSource {
  readonly file: string;
  readonly value: unknown;
  readonly flaws: readonly Mistake[];
  readonly #document: Document;
  readonly #lines = new LineCounter();

  /** Throws a ConfigurationError with every error of syntax where nothing can be made of the text. */
  constructor(file: string, text: string) {
    this.file = file;
    if (text.length > MOST_CHARACTERS) throw this.#unreadable('it is too long');
    if (nestsTooDeeply(text)) throw this.#unreadable('it is nested too deeply');
    try {
      this.#document = parseDocument(text, {
        lineCounter: this.#lines,
        prettyErrors: false,
        // `1` and `"1"` are one key to us, as they are to a JavaScript object.
        uniqueKeys: (a, b) => isScalar(a) && isScalar(b) && String(a.value) === String(b.value),
      });
      const objections = objectionsTo(this.#document);
      const mistakes = objections.map(({ offset, message }) => ({
        ...this.#place(offset),
        path: '',
        message,
      }));
      if (objections.some(({ fatal }) => fatal)) throw new ConfigurationError(mistakes);
      this.flaws = mistakes;
      this.value = this.#document.toJS();
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      // Aliases that multiply without end: the parser gives up by throwing.
      throw this.#unreadable((error as Error).message);
    }
  }

  /** Whether the file says anything at this path. */
  has(path: Path): boolean {
    return this.#find(path) !== undefined;
  }

  read(path: Path): unknown {
    return this.#find(path)?.value?.toJS(this.#document);
  }

  /** A mistake in the value at this path; where there is none, in the nearest thing around it. */
  mistake(path: Path, message: string): Mistake {
    const { key, value } = this.#find(path) ?? { key: this.#around(path), value: undefined };
    return {
      ...this.#placeOf(value && shows(value) ? value : (key ?? value)),
      path: pathText(path),
      message,
    };
  }

  /** A mistake in the key itself. */
  keyMistake(path: Path, message: string): Mistake {
    return { ...this.#placeOf(this.#find(path)?.key ?? this.#around(path)), path: pathText(path), message };
  }

  #find(path: Path): Found | undefined {
    let found: Found = { key: undefined, value: this.#resolved(this.#document.contents) };
    for (const step of path) {
      const { value } = found;
      if (isMap(value)) {
        const pair = value.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
        if (!pair) return undefined;
        found = { key: pair.key as Node, value: this.#resolved(pair.value) };
      } else if (isSeq(value) && value.items[Number(step)] !== undefined) {
        const item = value.items[Number(step)];
        found = { key: isNode(item) ? item : undefined, value: this.#resolved(item) };
      } else {
        return undefined;
      }
    }
    return found;
  }

  #around(path: Path): Node | undefined {
    for (let length = path.length - 1; length > 0; length--) {
      const found = this.#find(path.slice(0, length));
      if (found) return found.key ?? found.value;
    }
    return undefined;
  }

  /** Through an alias to what it stands for: that is the text to be changed. */
  #resolved(node: unknown): Node | undefined {
    if (isAlias(node)) return node.resolve(this.#document);
    return isNode(node) ? node : undefined;
  }

  #placeOf(node: Node | undefined): Pick<Mistake, 'file' | 'line' | 'column'> {
    return this.#place(node?.range?.[0] ?? 0);
  }

  #place(offset: number): Pick<Mistake, 'file' | 'line' | 'column'> {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  #unreadable(reason: string): ConfigurationError {
    const message = `cannot be read as YAML: ${reason}`;
    return new ConfigurationError([{ file: this.file, line: 1, column: 1, path: '', message }]);
  }
}

/** A block begins on the line after its key, and nothing at all has no place: there the key shows more. */
const shows = (value: Node): boolean =>
  isCollection(value) ? value.flow === true : !(isScalar(value) && value.source === '');
