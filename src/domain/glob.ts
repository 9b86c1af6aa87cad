// Globs for names: `*` stands for any run of characters, everything else for itself.

/**
 * True where the whole text matches. The pieces between the stars are looked for from left to right, each by one
 * search that never goes back: what a caller may write as a glob costs no more than its length.
 */
export function globMatches(pattern: string, text: string): boolean {
  const [start = '', ...pieces] = pattern.split('*');
  const end = pieces.pop();
  if (end === undefined) return pattern === text;
  if (!text.startsWith(start) || !text.endsWith(end)) return false;
  let from = start.length;
  const until = text.length - end.length;
  for (const piece of pieces) {
    const found = text.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return from <= until;
}

/**
 * True only where everything that `narrow` matches is matched by `wide` as well. Read as plain text, a `*` of
 * `narrow` can only be swallowed by a `*` of `wide`, so a match of the texts proves containment.
 */
export const globCovers = (wide: string, narrow: string): boolean => globMatches(wide, narrow);

export const anyMatches = (patterns: readonly string[], text: string): boolean =>
  patterns.some((pattern) => globMatches(pattern, text));
