// The whole terminal, lent: what was there comes back when it is given up, whatever ends the command.

// Characters may be two columns wide, and lines are cut by their number: what is too long ends at the edge (DECAWM).
const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const CLEAR_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export class Screen {
  readonly #in = process.stdin;
  readonly #out = process.stdout;
  readonly #restore = (): void => this.close();
  readonly #pressed: (key: string) => void;
  readonly #resized: () => void;
  #open = true;

  /** @param on called for each key, and when the terminal has another size */
  constructor(on: { readonly key: (key: string) => void; readonly resize: () => void }) {
    this.#pressed = (text) => on.key(text);
    this.#resized = on.resize;
    // However the process ends, a terminal without its cursor is not left behind.
    process.once('exit', this.#restore);
    this.#out.write(ENTER);
    if (this.#in.isTTY) {
      this.#in.setRawMode(true).setEncoding('utf8').resume();
      this.#in.on('data', this.#pressed);
    }
    this.#out.on('resize', this.#resized);
  }

  get size(): ScreenSize {
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 };
  }

  /** NO_COLOR and terminals without any are heard. */
  get hasColours(): boolean {
    return this.#out.hasColors();
  }

  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    // Over what is there, without clearing it first: nothing flickers. No line break at the end: it would scroll.
    this.#out.write(HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off('exit', this.#restore);
    this.#out.off('resize', this.#resized);
    if (this.#in.isTTY) {
      this.#in.off('data', this.#pressed);
      this.#in.setRawMode(false).pause();
    }
    this.#out.write(LEAVE);
  }
}
