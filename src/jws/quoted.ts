// What a token says of itself, as a record may show it: quoted, so that nothing in it ends a line, and short.
const MOST_SHOWN = 100;

export const quoted = (value: unknown): string =>
  value === undefined ? 'absent' : JSON.stringify(value).slice(0, MOST_SHOWN);
