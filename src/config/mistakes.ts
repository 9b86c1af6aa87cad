// What is wrong with a configuration, and the one error that carries all of it.

/** One thing to change, and where. Never holds a secret. */
export interface Mistake {
  /** The file as it was named, or `environment`. */
  readonly file: string;
  /** From 1; absent where the file could not be read at all. */
  readonly line?: number;
  readonly column?: number;
  /** `trust[0].issuer`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** Tells of a mistake at a place of the file. */
export type Say = (path: Path, message: string) => void;

/** `mayfly.yaml:3:5: trust[0].issuer: must be https`. */
export function mistakeText({ file, line, column, path, message }: Mistake): string {
  const place = line === undefined ? file : `${file}:${line}:${column}`;
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`;
}

/** The configuration cannot be used. Carries every mistake that was found, in the order of the file. */
export class ConfigurationError extends Error {
  readonly code = 'ERR_CONFIGURATION';
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    const inOrder = mistakes.toSorted(
      (a, b) =>
        (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0) || a.path.localeCompare(b.path),
    );
    const count = inOrder.length === 1 ? 'one mistake' : `${inOrder.length} mistakes`;
    super(
      [`the configuration has ${count}:`, ...inOrder.map((mistake) => `  ${mistakeText(mistake)}`)].join(
        '\n',
      ),
    );
    this.name = 'ConfigurationError';
    this.mistakes = inOrder;
  }
}

export type Path = readonly (string | number)[];

/** `tools.crm.actions[0]`; a name that is no plain word is quoted. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
