// What files in PEM hold: certificates, private keys. Says what is wrong without showing what is in them.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Secret } from '../domain/secret.js';

/** What is wrong with something that was named. Never shows the name either: a secret may stand in its place. */
export class Flaw extends Error {}

export async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Flaw(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

const BEGINNING = /-----BEGIN CERTIFICATE-----/g;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** One certificate or more, and nothing else that may stand in the file. */
export function certificatesIn(text: string): string {
  const certificates = text.match(CERTIFICATE);
  if (!certificates) throw new Flaw('holds no certificate in PEM');
  // A chain that is still being written must not be served without what is missing of it.
  if (certificates.length !== text.match(BEGINNING)?.length)
    throw new Flaw('holds a certificate that is cut off');
  try {
    return certificates.map((one) => new X509Certificate(one).toString()).join('');
  } catch {
    throw new Flaw('holds a certificate that cannot be read');
  }
}

/** A private key, and that of the certificate where there is one. */
export function keyIn(text: string, certificate: string | undefined): Secret {
  let belongs: boolean;
  try {
    const key = createPrivateKey(text);
    belongs = certificate === undefined || new X509Certificate(certificate).checkPrivateKey(key);
  } catch {
    throw new Flaw('is no private key in PEM, or is encrypted');
  }
  if (!belongs) throw new Flaw('is not the key of the certificate in certificate_file');
  return new Secret(text);
}
