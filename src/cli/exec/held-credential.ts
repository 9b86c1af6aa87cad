// The credential that a command works with, and every lease that was taken for it: renewed, replaced, given back.
import { Secret } from '../../domain/secret.js';
import type { ExchangeRequest, MayflyClient, TokenResponse } from '../../sdk/client/index.js';
import { MayflyError } from '../../sdk/client/index.js';
import type { Say } from './say.js';

/** There is no credential any more, and none to be had. */
export class CredentialOver extends Error {}

/** How long giving back may take, all tries together. */
const RELEASE_WITHIN_MS = 5000;

export class HeldCredential {
  readonly #client: MayflyClient;
  readonly #asked: ExchangeRequest;
  /** Each with when it ends. Times here are those of a clock that nobody sets, `performance.now()`. */
  readonly #leases = new Map<string, number>();
  #renewable = true;
  #leaseId = '';
  #receivedAt = 0;
  #expiresAt = 0;
  #credential = new Secret('');
  #type = '';

  private constructor(client: MayflyClient, asked: ExchangeRequest) {
    this.#client = client;
    this.#asked = asked;
  }

  static async obtain(
    client: MayflyClient,
    asked: ExchangeRequest,
    signal: AbortSignal,
  ): Promise<HeldCredential> {
    const held = new HeldCredential(client, asked);
    await held.#exchange(signal);
    return held;
  }

  get credential(): Secret {
    return this.#credential;
  }

  /** RFC 8693 §2.2.1. */
  get type(): string {
    return this.#type;
  }

  /** Milliseconds until it ends. */
  get lifeMs(): number {
    return this.#expiresAt - performance.now();
  }

  /** Milliseconds until a new one should be asked for: with a third of its life left, and not when all others do. */
  get freshMs(): number {
    const renewAt = this.#receivedAt + (this.#expiresAt - this.#receivedAt) * (0.6 + Math.random() * 0.1);
    return renewAt - performance.now();
  }

  /**
   * A new credential: under the same lease where the tool allows that, else under a new one. The lease of the one
   * before stays until the end, as the command may be using it at this moment.
   *
   * @throws CredentialOver where the broker refuses
   * @throws MayflyError where it is worth another try
   */
  async renew(signal: AbortSignal): Promise<void> {
    try {
      if (this.#renewable && (await this.#renewLease(signal))) return;
      // What was killed is not got round by asking for another one; what the store has forgotten may be.
      const killed = await this.killedBy(signal);
      if (killed !== undefined) throw new CredentialOver(killed);
      await this.#exchange(signal);
    } catch (error) {
      throw error instanceof MayflyError && isFinal(error) ? new CredentialOver(told(error)) : error;
    }
  }

  /** What ended it before its time, in words; undefined where nothing did. */
  async killedBy(signal: AbortSignal): Promise<string | undefined> {
    try {
      const { state, ended } = await this.#client.readLease(this.#leaseId, { signal });
      if (state === 'active' || state === 'expired') return undefined;
      return ended?.cause === 'task' ? 'its task is over' : `it was killed (${ended?.cause ?? state})`;
    } catch (error) {
      if (error instanceof MayflyError && error.code === 'ERR_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Gives back all that has not ended. Never throws: what cannot be given back runs out by itself. */
  async release(say: Say, impatient: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([impatient, AbortSignal.timeout(RELEASE_WITHIN_MS)]);
    const live = [...this.#leases].filter(([, expiresAt]) => expiresAt > performance.now());
    await Promise.all(
      live.map(async ([id, expiresAt]) => {
        try {
          await this.#client.releaseLease(id, { signal });
        } catch (error) {
          const why = error instanceof MayflyError ? error.message : 'no answer in time';
          const end = timeIn(expiresAt - performance.now());
          say(`${id} could not be released (${why}); it ends at ${end}`);
        }
      }),
    );
  }

  /** False where the tool does not allow it, or the lease has run out while nobody looked. */
  async #renewLease(signal: AbortSignal): Promise<boolean> {
    const { requested_expiry: expiry } = this.#asked;
    try {
      const again = expiry === undefined ? {} : { requested_expiry: expiry };
      this.#take(await this.#client.renewLease(this.#leaseId, again, { signal }));
      return true;
    } catch (error) {
      const { problem, code } = error as MayflyError;
      if (problem === 'not-renewable') this.#renewable = false;
      else if (problem !== 'lease-ended' && code !== 'ERR_NOT_FOUND') throw error;
      return false;
    }
  }

  async #exchange(signal: AbortSignal): Promise<void> {
    this.#take(await this.#client.exchange(this.#asked, { signal }));
  }

  #take({
    access_token: credential,
    issued_token_type: type,
    lease_id: lease,
    expires_in: seconds,
  }: TokenResponse): void {
    this.#receivedAt = performance.now();
    this.#expiresAt = this.#receivedAt + seconds * 1000;
    this.#credential = new Secret(credential);
    this.#type = type;
    this.#leaseId = lease;
    this.#leases.set(lease, this.#expiresAt);
  }
}

/** The time in so many milliseconds, as people write it. */
export const timeIn = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** A workload token that is not accepted may be replaced by the platform, and a nonce by a newer one. */
const TRANSIENT: ReadonlySet<string | undefined> = new Set(['invalid_request', 'use_dpop_nonce']);

/** What another try would not change. */
const isFinal = ({ code, oauthError }: MayflyError): boolean =>
  code === 'ERR_FORBIDDEN' ||
  code === 'ERR_NOT_FOUND' ||
  code === 'ERR_CONFLICT' ||
  (code === 'ERR_REFUSED' && !TRANSIENT.has(oauthError));

const told = ({ message, requestId }: MayflyError): string =>
  requestId === undefined ? message : `${message} (${requestId})`;
