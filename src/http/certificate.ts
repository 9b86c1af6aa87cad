// The certificate that we serve with: looked at again and again, and replaced only by a better one.
import type { TlsOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { constants } from 'node:crypto';
import type { CertificateFiles, ServingCertificate } from '../config/certificate-files.js';
import { readCertificate, untimely } from '../config/certificate-files.js';
import { certificateCautions } from '../config/edge-cautions.js';
import { ConfigurationError } from '../config/mistakes.js';
import type { Clock } from '../domain/clock.js';
import { HOUR_MS, SECOND_MS } from '../domain/duration.js';
import type { Log } from '../telemetry/log.js';

/** Looking costs two small reads. Events of the file system would not tell of a link that points elsewhere now. */
const LOOK_EVERY_MS = 5 * SECOND_MS;
const WARN_AGAIN_AFTER_MS = 12 * HOUR_MS;

/** RFC 9325 §4.2: forward secrecy and authenticated encryption, nothing else. TLS 1.3 has its own. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export interface CertificateTerms {
  readonly files: CertificateFiles;
  /** What we are called by; the certificate should say so. */
  readonly issuer: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly lookEveryMs?: number;
}

export class Certificate {
  readonly #terms: CertificateTerms;
  readonly #timer: NodeJS.Timeout;
  #current: ServingCertificate;
  readonly #followers: ((options: TlsOptions) => void)[] = [];
  /** What was wrong at the last look: files that are being replaced are wrong for a moment. */
  #wrong: string | undefined;
  #complained: string | undefined;
  #warnedAt = -Infinity;
  #looks: Promise<void> = Promise.resolve();

  private constructor(terms: CertificateTerms, current: ServingCertificate) {
    this.#terms = terms;
    this.#current = current;
    this.#timer = setInterval(() => void this.look(), terms.lookEveryMs ?? LOOK_EVERY_MS).unref();
    this.#warn();
  }

  /** @throws ConfigurationError where there is none to begin with */
  static async open(terms: CertificateTerms): Promise<Certificate> {
    const read = await readCertificate(terms.files);
    if (!('flaws' in read)) return new Certificate(terms, read);
    throw new ConfigurationError(
      read.flaws.map(({ member, what }) => ({
        file: fileOf(terms.files, member),
        path: member,
        message: what,
      })),
    );
  }

  /** For new connections, from now on. */
  get options(): TlsOptions {
    return optionsFor(this.#current);
  }

  get notAfter(): number {
    return this.#current.notAfter;
  }

  /** Called whenever there is another one: every listening socket has to be told. */
  onRenewal(apply: (options: TlsOptions) => void): void {
    this.#followers.push(apply);
  }

  /** Reads the files. `isAsked`: somebody wants to know what became of it, now. */
  look(isAsked = false): Promise<void> {
    this.#looks = this.#looks.then(() => this.#look(isAsked));
    return this.#looks;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(isAsked: boolean): Promise<void> {
    const { files, clock, log } = this.#terms;
    const read = await readCertificate(files);
    const wrong = 'flaws' in read ? sayFlaws(files, read.flaws) : this.#flawOf(read, clock.now());
    if (wrong === undefined && !('flaws' in read)) {
      this.#wrong = this.#complained = undefined;
      if (!isSame(read, this.#current)) this.#renew(read);
      this.#warn();
      return;
    }
    // Seen twice, it is no longer because somebody is still writing.
    const isNews = this.#wrong === wrong && this.#complained !== wrong;
    if (isAsked || isNews) {
      log.error({ why: wrong }, 'the new certificate is not used: the old one stays');
      this.#complained = wrong;
    }
    this.#wrong = wrong;
    this.#warn();
  }

  /** What keeps us from using it; nothing keeps us from going on with what we have. */
  #flawOf(read: ServingCertificate, now: number): string | undefined {
    if (isSame(read, this.#current)) return undefined;
    const time = untimely(read, now);
    if (time !== undefined) return `${this.#terms.files.certificate} ${time}`;
    try {
      createSecureContext(optionsFor(read));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #renew(read: ServingCertificate): void {
    this.#current = read;
    this.#warnedAt = -Infinity;
    for (const apply of this.#followers) apply(this.options);
    this.#terms.log.info(
      { not_after: new Date(read.notAfter).toISOString() },
      'new connections get the new certificate',
    );
  }

  #warn(): void {
    const { clock, issuer, log, files } = this.#terms;
    const now = clock.now();
    if (now - this.#warnedAt < WARN_AGAIN_AFTER_MS) return;
    this.#warnedAt = now;
    for (const caution of certificateCautions(this.#current, issuer, now))
      log.warn(`${files.certificate} ${caution}`);
  }
}

function optionsFor({ certificate, key, clientCa }: ServingCertificate): TlsOptions {
  return {
    cert: certificate,
    key: key.reveal(),
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // A caller could ask for handshake after handshake on one connection; TLS 1.3 has none.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: ['http/1.1'],
  };
}

const isSame = (one: ServingCertificate, other: ServingCertificate): boolean =>
  one.certificate === other.certificate &&
  one.key.reveal() === other.key.reveal() &&
  one.clientCa === other.clientCa;

type Flaws = Extract<Awaited<ReturnType<typeof readCertificate>>, { flaws: unknown }>['flaws'];

const sayFlaws = (files: CertificateFiles, flaws: Flaws): string =>
  flaws.map(({ member, what }) => `${fileOf(files, member)} ${what}`).join('; ');

const fileOf = (files: CertificateFiles, member: Flaws[number]['member']): string =>
  ({ certificate_file: files.certificate, key_file: files.key, client_ca_file: files.clientCa ?? '' })[
    member
  ];
