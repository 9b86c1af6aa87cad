// Where the sessions of each tool are made, and were: one is killed where its role is, whatever was reloaded since.
import type { AwsStsCredential } from '../../domain/aws-sts.js';
import { sha256 } from '../../domain/digest.js';
import type { Catalogue } from '../../domain/tool.js';
import type { AccountTerms, AwsAccount } from './account.js';
import { roleKey } from './names.js';

/** What a session of AWS is minted and killed by. */
export type Account = Pick<AwsAccount, 'assumeRole' | 'close'> & {
  readonly denyList: Pick<AwsAccount['denyList'], 'kill' | 'tidy'>;
};

export interface RolePlace {
  readonly account: Account;
  readonly inForceAfterMs: number;
}

interface Spell {
  /** The account's own terms, digested. */
  readonly name: string;
  readonly credential: AwsStsCredential;
}

export type OpenAccount = (credential: AwsStsCredential) => Promise<Account>;

/** The SDK takes a third of a second to load: that is for whoever has such tools, when they are used first. */
export const openAccount =
  (terms: AccountTerms): OpenAccount =>
  async (credential) => {
    const { AwsAccount: Opened } = await import('./account.js');
    return new Opened(credential, terms);
  };

export class Accounts {
  readonly #open: OpenAccount;
  readonly #opened = new Map<string, Promise<Account>>();
  /** By the key of the role, as it was configured last: with that, it can be written to. */
  readonly #byRole = new Map<string, Spell>();
  #rolesOf: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(open: OpenAccount) {
    this.#open = open;
  }

  /** What is configured now. */
  apply(catalogue: Catalogue): void {
    const rolesOf = new Map<string, readonly string[]>();
    for (const { name: tool, credential } of catalogue.all()) {
      if (credential.kind !== 'aws-sts') continue;
      const keys = credential.roles.map((arn) => roleKey(credential, arn));
      for (const key of keys) this.#byRole.set(key, { name: nameOf(credential), credential });
      rolesOf.set(tool, keys);
    }
    this.#rolesOf = rolesOf;
    const used = new Set([...this.#byRole.values()].map(({ name }) => name));
    for (const [name, account] of this.#opened) {
      if (used.has(name)) continue;
      this.#opened.delete(name);
      void account.then((one) => one.close());
    }
  }

  /** The keys of a tool's roles, of those that are configured now. */
  rolesOf(tool: string): readonly string[] {
    return this.#rolesOf.get(tool) ?? [];
  }

  of(credential: AwsStsCredential): Promise<Account> {
    return this.#account(nameOf(credential), credential);
  }

  /** Undefined where no tool has had it since the broker began. */
  async ofRole(key: string): Promise<RolePlace | undefined> {
    const spell = this.#byRole.get(key);
    if (!spell) return undefined;
    const account = await this.#account(spell.name, spell.credential);
    return { account, inForceAfterMs: spell.credential.inForceAfterMs };
  }

  async close(): Promise<void> {
    for (const account of await Promise.allSettled(this.#opened.values()))
      if (account.status === 'fulfilled') account.value.close();
  }

  #account(name: string, credential: AwsStsCredential): Promise<Account> {
    let account = this.#opened.get(name);
    if (!account) this.#opened.set(name, (account = this.#open(credential)));
    return account;
  }
}

const nameOf = ({ endpoint, region, keys }: AwsStsCredential): string =>
  JSON.stringify([
    endpoint,
    region,
    keys?.accessKeyId,
    keys && sha256(keys.secretAccessKey.reveal()),
    keys?.sessionToken && sha256(keys.sessionToken.reveal()),
  ]);
