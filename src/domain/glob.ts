// Globs for names: `*` stands for any run of characters, everything else for itself.

/** True where the whole text matches. Linear in practice: one backtrack point, no regular expression to poison. */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/**
 * True where everything that `narrow` matches is matched by `wide` as well. Read as plain text, a `*` of
 * `narrow` can only be swallowed by a `*` of `wide`, so a match of the texts proves containment.
 * It may say false for a few odd pairs (`a**` in `a*` is found, `*a` in `*` is found): it errs to the narrow side.
 */
export const globCovers = (wide: string, narrow: string): boolean => globMatches(wide, narrow);

export const anyMatches = (patterns: readonly string[], text: string): boolean =>
  patterns.some((pattern) => globMatches(pattern, text));
