// Reads the certificate that we serve TLS with: at the start, for `mayfly serve --check`, and each time that it is renewed.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Secret } from '../domain/secret.js';
import { Flaw, certificatesIn, keyIn, textOf } from './pem.js';

/** Absolute paths. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string;
}

/** A certificate with the key that belongs to it; whether it is valid now is another question. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: Secret;
  /** Who must vouch for callers, where they need a certificate of their own. */
  readonly clientCa?: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whether it is for that host. */
  names(host: string): boolean;
}

export interface CertificateFlaw {
  readonly member: 'certificate_file' | 'key_file' | 'client_ca_file';
  readonly what: string;
}

/** As the configuration names them. */
export interface NamedCertificateFiles {
  readonly certificate_file?: string;
  readonly key_file?: string;
  readonly client_ca_file?: string | undefined;
}

export const certificateFiles = (
  named: Required<Pick<NamedCertificateFiles, 'certificate_file' | 'key_file'>> & NamedCertificateFiles,
  folder: string,
): CertificateFiles => ({
  certificate: resolve(folder, named.certificate_file),
  key: resolve(folder, named.key_file),
  ...(named.client_ca_file !== undefined && { clientCa: resolve(folder, named.client_ca_file) }),
});

/** All that is wrong with them, or the certificate. */
export async function readCertificate(
  files: CertificateFiles,
): Promise<ServingCertificate | { readonly flaws: readonly CertificateFlaw[] }> {
  const flaws: CertificateFlaw[] = [];
  const from = async <Read>(
    member: CertificateFlaw['member'],
    file: string,
    read: (text: string) => Read,
  ): Promise<Read | undefined> => {
    try {
      return read(await textOf(file));
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      flaws.push({ member, what: error.message });
      return undefined;
    }
  };
  const { clientCa: caFile } = files;
  const certificate = await from('certificate_file', files.certificate, certificatesIn);
  const key = await from('key_file', files.key, (text) => keyIn(text, certificate));
  const clientCa = caFile === undefined ? undefined : await from('client_ca_file', caFile, certificatesIn);
  if (certificate === undefined || key === undefined || flaws.length > 0) return { flaws };
  const leaf = new X509Certificate(certificate);
  return {
    certificate,
    key,
    ...(clientCa !== undefined && { clientCa }),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    names: (host) => (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined,
  };
}

/** Why nobody would accept it at that moment; undefined where nothing is wrong with its time. */
export function untimely({ notBefore, notAfter }: ServingCertificate, now: number): string | undefined {
  if (now >= notAfter) return `expired on ${new Date(notAfter).toISOString()}`;
  return now < notBefore ? `is not valid before ${new Date(notBefore).toISOString()}` : undefined;
}
