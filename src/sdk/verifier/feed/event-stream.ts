// Server-sent events (WHATWG HTML §9.2.6), out of chunks that are cut anywhere: within a line, a line end, a character.

export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/** One part of a snapshot fits many times; more would only fill memory. */
const MOST_EVENT_CHARACTERS = 8 * 1024 * 1024;

/** What was sent is no stream of events that anybody needs. */
export class StreamFlaw extends Error {}

export class EventStream {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #mostCharacters: number;
  /** Chunks of the line that has not ended, joined once it has: joining at each chunk would cost the square of it. */
  #line: string[] = [];
  #size = 0;
  #afterReturn = false;
  #event = '';
  #data: string[] = [];

  constructor(mostCharacters = MOST_EVENT_CHARACTERS) {
    this.#mostCharacters = mostCharacters;
  }

  /** The events that end in this chunk. @throws StreamFlaw */
  take(chunk: Uint8Array): StreamEvent[] {
    const events: StreamEvent[] = [];
    let text = this.#decoded(chunk);
    if (text === '') return events;
    // The second half of a line end that was cut in two.
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    this.#afterReturn = text.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    const rest = lines.pop()!;
    for (const end of lines) {
      this.#grow(end);
      const line = this.#line.length === 1 ? this.#line[0]! : this.#line.join('');
      this.#line = [];
      const event = this.#endLine(line);
      if (event) events.push(event);
    }
    if (rest !== '') this.#grow(rest);
    return events;
  }

  #decoded(chunk: Uint8Array): string {
    try {
      return this.#decoder.decode(chunk, { stream: true });
    } catch {
      throw new StreamFlaw('no UTF-8');
    }
  }

  #grow(text: string): void {
    this.#size += text.length;
    if (this.#size > this.#mostCharacters) throw new StreamFlaw('an event without end');
    this.#line.push(text);
  }

  #endLine(line: string): StreamEvent | undefined {
    if (line === '') return this.#endEvent();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    // A comment, or what we make no use of: it ends here.
    else this.#size -= line.length;
    return undefined;
  }

  #endEvent(): StreamEvent | undefined {
    const event = this.#event === '' ? 'message' : this.#event;
    const data = this.#data;
    this.#event = '';
    this.#data = [];
    this.#size = 0;
    return data.length === 0 ? undefined : { event, data: data.join('\n') };
  }
}
