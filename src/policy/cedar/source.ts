// A file of policies as the reference reads it: where in it a policy stands, and where a mistake is.
import type { DetailedError, ValidationError } from '@cedar-policy/cedar-wasm/nodejs';
import { mistakeText } from './mistake-text.js';

/** A file of policies, with its text as it was when it was read. */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

export interface Place {
  readonly file: string;
  /** From 1; absent where the reference told none. */
  readonly line?: number;
  readonly column?: number;
}

export interface PolicyFlaw extends Place {
  readonly message: string;
}

/** Places in one file. */
export class Source {
  readonly #file: PolicyFile;
  readonly #bytes: Buffer;
  /** Where lines begin, in the text and in its bytes: ten thousand policies ask for their places. */
  readonly #lines: readonly number[];
  readonly #linesInBytes: readonly number[];
  /** Where the policy before ended. */
  #from = 0;

  constructor(file: PolicyFile) {
    this.#file = file;
    this.#bytes = Buffer.from(file.text);
    this.#lines = lineStarts(file.text);
    this.#linesInBytes = lineStarts(this.#bytes);
  }

  /** Of the policy after the one that was asked for before. */
  placeOf(policy: string): Place {
    const at = this.#file.text.indexOf(policy, this.#from);
    if (at < 0) return { file: this.#file.name };
    this.#from = at + policy.length;
    return this.placeAt(at);
  }

  /** Of an index into the text. */
  placeAt(index: number): Place {
    const line = lineOf(index, this.#lines);
    return { file: this.#file.name, line: line + 1, column: index - this.#lines[line]! + 1 };
  }

  /** What could not be read at all: the reference tells of every place, one within another. */
  unreadable(error: DetailedError): PolicyFlaw[] {
    const message = error.message.replace(/^failed to parse policies from string: /, '');
    const [first] = error.sourceLocations ?? [];
    const expected = first?.label ? `${message}: ${first.label}` : message;
    const flaw = { ...this.#placeAtByte(first?.start), message: mistakeText(expected, error.help) };
    return [flaw, ...(error.related ?? []).flatMap((one) => this.unreadable(one))];
  }

  /** The same mistake is told for every kind of request: once is enough. */
  flaws(errors: readonly ValidationError[]): PolicyFlaw[] {
    const told = new Set<string>();
    return errors.flatMap(({ error, policyId }) => {
      const start = error.sourceLocations?.[0]?.start;
      const key = `${policyId} ${start}`;
      if (told.has(key)) return [];
      told.add(key);
      const message = error.message.replace(/^for policy `[^`]*`, /, '');
      const help = error.help?.replace(/^for policy `[^`]*`, /, '') ?? null;
      return [{ ...this.#placeAtByte(start), message: mistakeText(message, help) }];
    });
  }

  #placeAtByte(start: number | undefined): Place {
    if (start === undefined) return { file: this.#file.name };
    const line = lineOf(start, this.#linesInBytes);
    const before = this.#bytes.subarray(this.#linesInBytes[line], start).toString('utf8');
    return { file: this.#file.name, line: line + 1, column: before.length + 1 };
  }
}

function lineStarts(text: string | Buffer): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The last line, from 0, that begins at or before this. */
function lineOf(index: number, starts: readonly number[]): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}
