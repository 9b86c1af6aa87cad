// The minters of what is made at targets: each is there once the catalogue has had a tool for it.
import type { Clock } from '../domain/clock.js';
import type { Lease } from '../domain/lease.js';
import type { Catalogue, CredentialKind } from '../domain/tool.js';
import { Accounts, openAccount } from '../minters/aws-sts/accounts.js';
import { AwsStsMinter } from '../minters/aws-sts/aws-sts-minter.js';
import type { KeyRing } from '../keys/key-ring.js';
import type { ExternalMinter, Minter } from '../minters/minter.js';
import { WebIdentity } from '../minters/aws-sts/web-identity.js';
import { PostgresMinter } from '../minters/postgres/postgres-minter.js';
import { endCutOff } from '../revocation/cut-off.js';
import type { CutOff } from '../store/deny-store.js';
import type { Store } from '../store/store.js';
import type { Log } from '../telemetry/log.js';

export interface ExternalMinterTerms {
  readonly issuer: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly wake: () => void;
  /** What the broker shows to STS is signed with. */
  readonly awsKeys: KeyRing;
}

type Reloadable = ExternalMinter & { apply(catalogue: Catalogue): void; close(): Promise<void> };

/** Adds to `minters`, and keeps what it added: what they made is theirs to kill. */
export function externalMinters(minters: Map<string, Minter>, terms: ExternalMinterTerms) {
  const begin: Readonly<Record<Exclude<CredentialKind, 'jwt'>, (catalogue: Catalogue) => Reloadable>> = {
    postgres: (catalogue) => new PostgresMinter({ ...terms, catalogue }),
    'aws-sts': (catalogue) => awsStsMinter(catalogue, terms),
  };
  const begun = new Map<string, Reloadable>();
  return {
    apply: (catalogue: Catalogue): void => {
      for (const minter of begun.values()) minter.apply(catalogue);
      for (const kind of new Set(catalogue.all().map(({ credential }) => credential.kind))) {
        if (kind === 'jwt' || begun.has(kind)) continue;
        const minter = begin[kind](catalogue);
        begun.set(kind, minter);
        minters.set(kind, minter);
      }
    },
    close: async (): Promise<void> => {
      await Promise.all([...begun.values()].map((minter) => minter.close()));
    },
  };
}

function awsStsMinter(catalogue: Catalogue, terms: ExternalMinterTerms): AwsStsMinter {
  const { issuer, store, clock, log, wake, awsKeys } = terms;
  const { denials } = store;
  const onCutOff = (role: string, { before }: CutOff): void => {
    const isAmong = async ({ id }: Lease): Promise<boolean> => (await denials.seatOf(id)) === role;
    void endCutOff({ store, wake }, { kind: 'aws-sts', before, isAmong })
      .then((ended) =>
        ended > 0
          ? log.warn({ role, ended }, 'sessions that nobody had killed ended with those that were')
          : undefined,
      )
      .catch((error: unknown) =>
        log.error({ err: error, role }, 'leases that ended with others are not on record as such'),
      );
  };
  const accounts = new Accounts(openAccount({ store: denials, clock, pause, onCutOff }));
  accounts.apply(catalogue);
  const webIdentity = new WebIdentity({ issuer, keys: awsKeys, clock });
  return new AwsStsMinter({ accounts, store: denials, clock, log, webIdentity });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());
