// Files that an operator's platform replaces while we run, and so read anew each time: authorities, and our own token.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Letter } from './document.js';
import { strictDocument } from './document.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** What may stand in a header behind `Bearer` (RFC 6750 §2.1), and no more than a server would read. */
const BEARER = /^[\w.~+/-]{1,16384}=*$/;

/** @throws Error with the file, and never with what is in it. */
export async function letterFrom({
  caFile,
  tokenFile,
}: {
  readonly caFile?: string;
  readonly tokenFile?: string;
}): Promise<Letter> {
  return {
    ...(caFile !== undefined && { ca: certificatesIn(await textOf(caFile), caFile) }),
    ...(tokenFile !== undefined && { bearer: tokenIn(await textOf(tokenFile), tokenFile) }),
  };
}

/** @throws Error as above, or with what is wrong with the JSON. */
export const documentIn = async (path: string): Promise<Record<string, unknown>> =>
  strictDocument(await bytesOf(path), path);

function certificatesIn(text: string, path: string): string {
  const certificates = text.match(CERTIFICATE);
  // Without any, every server would be refused for a reason that says nothing of this file.
  if (!certificates) throw new Error(`${path} holds no certificate in PEM`);
  try {
    return certificates.map((one) => new X509Certificate(one).toString()).join('');
  } catch {
    throw new Error(`${path} holds a certificate that cannot be read`);
  }
}

function tokenIn(text: string, path: string): string {
  const token = text.trim();
  if (!BEARER.test(token)) throw new Error(`${path} holds no token, or more than that`);
  return token;
}

const textOf = async (path: string): Promise<string> => (await bytesOf(path)).toString('utf8');

async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}
