// Looks into the files that trust names, so that a wrong one is told of at its line and not at the first token.
import { resolve } from 'node:path';
import { type KeySet, readKeySet } from '../jwks-file.js';
import type { Path } from '../mistakes.js';
import { Flaw, certificatesIn, textOf } from '../pem.js';
import type { TrustDraft } from './draft.js';

type Say = (path: Path, message: string) => void;

/** Key sets from files, by the index of their entry. */
export async function readTrustFiles(
  trust: readonly TrustDraft[],
  folder: string,
  say: Say,
): Promise<ReadonlyMap<number, KeySet>> {
  const keySets = new Map<number, KeySet>();
  for (const [index, entry] of trust.entries()) {
    const at = (member: string, file: string) => (flaw: string) =>
      say(['trust', index, member], `${file}: ${flaw}`);
    if (entry.jwks_file !== undefined) {
      const read = await readKeySet(resolve(folder, entry.jwks_file), entry.algorithms);
      if ('keySet' in read) keySets.set(index, read.keySet);
      else read.flaws.forEach(at('jwks_file', entry.jwks_file));
    }
    const inFile = async (
      member: 'ca_file' | 'token_file' | 'bundle_file',
      check: (text: string) => unknown,
    ) => {
      const file = entry[member];
      if (file === undefined) return;
      try {
        check(await textOf(resolve(folder, file)));
      } catch (error) {
        if (!(error instanceof Flaw)) throw error;
        at(member, file)(error.message);
      }
    };
    await inFile('ca_file', certificatesIn);
    await inFile('token_file', checkToken);
    await inFile('bundle_file', checkBundle);
  }
  return keySets;
}

function checkToken(text: string): void {
  if (!/^[\w.~+/-]+=*$/.test(text.trim())) throw new Flaw('holds no token, or more than that');
}

/** Private members of a JWK (RFC 7518 §6): whoever can read the file could sign. */
const PRIVATE_MEMBERS = ['d', 'k'];

/** An empty bundle is one: nobody of that trust domain is believed. One for other uses is a slip. */
function checkBundle(text: string): void {
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(text) as { keys?: unknown });
  } catch {
    throw new Flaw('is not JSON');
  }
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null))
    throw new Flaw('is no SPIFFE bundle: it must be {"keys": [ … ]}');
  const jwks = keys as Record<string, unknown>[];
  if (jwks.some((key) => PRIVATE_MEMBERS.some((member) => member in key)))
    throw new Flaw('holds a private key: only public halves belong here');
  if (jwks.length > 0 && !jwks.some(({ use }) => use === 'jwt-svid')) {
    throw new Flaw(
      'holds no key with use: jwt-svid; `spire-server bundle show -format spiffe` writes what is wanted',
    );
  }
}
