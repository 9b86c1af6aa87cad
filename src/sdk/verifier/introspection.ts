// Asks the broker about one credential (RFC 7662), where the feed cannot vouch for it.
import type { Channel } from '../client/channel.js';
import { formOf } from '../client/asked.js';
import type { CredentialRefusedCode } from './refused.js';
import type { Known } from './token/known.js';

const PATIENCE_MS = 5000;
/** Each of them holds a request open: beyond this, more would only wait. */
const MOST_AT_ONCE = 1000;

export class Introspection {
  readonly #channel: Channel;
  #underWay = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Undefined where it is alive, and the broker means the same credential. */
  async flaw(token: string, { credential, singleUse }: Known): Promise<CredentialRefusedCode | undefined> {
    if (this.#underWay >= MOST_AT_ONCE) return 'ERR_INTROSPECTION_UNAVAILABLE';
    this.#underWay++;
    try {
      const form = formOf({ token });
      const { text } = await this.#channel.send(
        // Asking twice about what is good once would use it up for nobody.
        { method: 'POST', path: '/introspect', form, as: 'caller', repeatable: !singleUse },
        { timeoutMs: PATIENCE_MS },
      );
      const said = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
      if (said?.['active'] === false) return singleUse ? 'ERR_SINGLE_USE' : 'ERR_REVOKED';
      const same =
        said?.['active'] === true &&
        said['jti'] === credential.leaseId &&
        (said['single_use'] === true) === singleUse;
      return same ? undefined : 'ERR_INTROSPECTION_UNAVAILABLE';
    } catch {
      return 'ERR_INTROSPECTION_UNAVAILABLE';
    } finally {
      this.#underWay--;
    }
  }
}
