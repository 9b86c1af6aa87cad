// Sealing: AES-256-GCM under keys that are not in the store, bound to what the sealed thing is for (invariant 6).
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import type { Secret } from '../domain/secret.js';

export const SEAL_KEY_BYTES = 32;

const VERSION = 'v1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class SealError extends Error {
  readonly code = 'ERR_SEAL';
}

/** The first key seals; all of them open, so that keys can be changed one after the other. */
export class Seal {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #first: string;

  /** @param secrets 32 bytes each, in base64; at least one. */
  constructor(secrets: readonly Secret[]) {
    const keys = secrets.map((secret) => Buffer.from(secret.reveal(), 'base64'));
    if (keys.length === 0 || keys.some((key) => key.length !== SEAL_KEY_BYTES)) {
      throw new SealError(`a seal key must be ${SEAL_KEY_BYTES} bytes in base64`);
    }
    this.#keys = new Map(keys.map((key) => [keyName(key), key]));
    this.#first = keyName(keys[0]!);
  }

  /** Keys for something else, one for each seal key in the order given: whoever has one learns nothing of the others. */
  derived(purpose: string): Buffer[] {
    return [...this.#keys.values()].map((key) =>
      createHmac('sha256', key).update(`mayfly ${purpose}`).digest(),
    );
  }

  /** `context` says what this is and whose (`signing-key:<kid>`): opened under another context, it does not open. */
  seal(secret: string | Buffer, context: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#keys.get(this.#first)!, nonce).setAAD(
      Buffer.from(context),
    );
    const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${this.#first}.${sealed.toString('base64url')}`;
  }

  /** @throws SealError where no key at hand opens it, or it was altered, or is for something else. */
  open(sealed: string, context: string): Buffer {
    const [version, name, body] = sealed.split('.');
    const key = this.#keys.get(name ?? '');
    if (version !== VERSION || !key || !body) {
      throw new SealError(
        `${context} was sealed with a key that is not at hand: give that key too in MAYFLY_SEAL_KEY`,
      );
    }
    const bytes = Buffer.from(body, 'base64url');
    try {
      const nonce = bytes.subarray(0, NONCE_BYTES);
      // The length is said, because a shorter tag is a weaker one and would be accepted.
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(context))
        .setAuthTag(bytes.subarray(NONCE_BYTES).subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw new SealError(`${context} does not open: it was altered, or belongs to something else`, {
        cause,
      });
    }
  }
}

/** Which key it was, without telling the key. */
const keyName = (key: Buffer): string =>
  createHash('sha256').update('mayfly seal key').update(key).digest('hex').slice(0, 8);
