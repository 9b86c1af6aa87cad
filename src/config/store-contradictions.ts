// What the members of a Redis store say against each other.
import type { StoreDraft } from './draft.js';
import type { Path } from './mistakes.js';

const PLACES = ['url', 'cluster', 'sentinels'] as const;
const OF_SENTINELS = ['master', 'sentinel_username', 'sentinel_password_file', 'sentinel_password_env'];

/** `given`: whether the file says anything at this path, be it good or not. */
export function storeContradictions(
  store: StoreDraft,
  given: (path: Path) => boolean,
  say: (path: Path, message: string) => void,
): void {
  if (store.kind !== 'redis') return;
  const has = (...path: string[]): boolean => given(['store', ...path]);
  const refuse = (name: string, message: string): void => say(['store', name], message);

  const [first, ...others] = PLACES.filter((place) => has(place));
  if (first === undefined) say(['store'], 'must say where Redis is: url, cluster or sentinels');
  for (const other of others) refuse(other, `cannot be given together with ${first}: keep one`);

  if (!has('sentinels')) {
    for (const name of OF_SENTINELS) if (has(name)) refuse(name, 'goes with sentinels');
  } else if (!has('master')) {
    refuse('master', 'is missing: what the sentinels call the master, such as mymaster');
  }

  for (const whose of ['', 'sentinel_']) {
    const [file, env] = [`${whose}password_file`, `${whose}password_env`];
    if (has(file) && has(env)) refuse(env, `cannot be given together with ${file}: keep one`);
    if (has(`${whose}username`) && !has(file) && !has(env)) {
      refuse(`${whose}username`, `needs a password: name it under ${file} or ${env}`);
    }
  }

  tlsContradictions(store, has, say);
}

function tlsContradictions(
  { url, tls }: StoreDraft,
  has: (...path: string[]) => boolean,
  say: (path: Path, message: string) => void,
): void {
  if (url && tls !== undefined && url.tls !== (tls !== false)) {
    const [scheme, other] = url.tls ? ['rediss://', 'redis://'] : ['redis://', 'rediss://'];
    say(
      ['store', 'tls'],
      `contradicts url, which begins with ${scheme}: write ${other} there, or take this out`,
    );
  }
  for (const [one, other] of [
    ['certificate_file', 'key_file'],
    ['key_file', 'certificate_file'],
  ] as const) {
    if (has('tls', one) && !has('tls', other)) say(['store', 'tls', one], `needs ${other} beside it`);
  }
}
