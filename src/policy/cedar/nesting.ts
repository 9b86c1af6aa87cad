// Finds policies that are nested deeper, or longer in one piece, than the reference can read: it would run out of stack and take all other policies with it.

/** Brackets within brackets: the reference gets through about a hundred. */
const DEEPEST = 50;
/** Operators in one policy, each of which may stand within the one before: the reference gets through about seven hundred. */
const MOST_OPERATORS = 500;

/** Texts and comments first, as they hold what looks like anything else. */
const TOKENS = /\/\/[^\n\r]*|"[^"\\]*(?:\\.[^"\\]*)*"|[([{]|[)\]}]|&&|\|\||\bif\b|[+*-]|;/gs;

export interface Deepest {
  /** Where in the text it is, in UTF-16 units. */
  readonly at: number;
  readonly message?: string;
}

/** The first place that is nested too deeply; or else that which is nested most, which is to blame if anything is. */
export function deepestIn(text: string): Deepest {
  let [depth, operators, most, at] = [0, 0, -1, 0];
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === ';') [depth, operators] = [0, 0];
    else if (')]}'.includes(token)) depth -= 1;
    else if ('([{'.includes(token)) depth += 1;
    else if (!'/"'.includes(token[0]!)) operators += 1;
    if (depth > DEEPEST) return { at: index, message: `brackets are nested deeper than ${DEEPEST}` };
    if (operators > MOST_OPERATORS)
      return { at: index, message: `a policy has more than ${MOST_OPERATORS} operators: ${INSTEAD}` };
    if (depth + operators > most) [most, at] = [depth + operators, index];
  }
  return { at };
}

const INSTEAD = 'compare with a set, or write several policies';
