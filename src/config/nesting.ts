// How deeply YAML text is nested, found without recursion: deep enough, and parsing it ends the whole broker.
import { type CST, Parser } from 'yaml';

/** Far more than the schema has. */
const MOST_LEVELS = 64;

export function nestsTooDeeply(text: string): boolean {
  let level: (CST.Token | null | undefined)[] = [...new Parser().parse(text)];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return true;
    level = level.flatMap((token) => {
      if (token?.type === 'document') return [token.value];
      return token && 'items' in token ? token.items.flatMap(({ key, value }) => [key, value]) : [];
    });
  }
  return false;
}
