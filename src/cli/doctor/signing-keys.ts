// The keys that credentials are signed with: whether a broker could open them, how old they are, when the next one is due.
import type { KeySettings } from '../../config/settings.js';
import { DAY_MS, showDuration } from '../../domain/duration.js';
import { type Seal, SealError } from '../../keys/seal.js';
import type { SigningKeyRecord } from '../../store/store.js';
import { type Finding, broken, caution, ok } from './finding.js';

const CHECK = 'signing_keys';

export function signingKeyFindings(
  records: readonly SigningKeyRecord[],
  seal: Seal | undefined,
  { rotateEveryMs }: KeySettings,
  now: number,
): Finding[] {
  const keys = records
    .filter(({ use }) => use === 'credential')
    .toSorted((a, b) => a.activatesAt - b.activatesAt);
  const newest = keys.at(-1);
  if (!newest) return [ok(CHECK, 'there are none yet: the first broker makes one')];
  const sealed = seal ? keys.flatMap((key) => sealFlaw(seal, key)) : [];
  if (sealed.length > 0) return sealed;
  const current = keys.findLast(({ activatesAt }) => activatesAt <= now) ?? newest;
  const age = showDuration(now - current.activatesAt);
  const nextMs = newest.activatesAt + rotateEveryMs - now;
  if (nextMs < -DAY_MS)
    return [
      caution(
        CHECK,
        `the one that signs is ${age} old, and its successor is ${showDuration(-nextMs)} overdue`,
        'Brokers rotate keys while they run: has none run since? Otherwise look at the log of one.',
      ),
    ];
  const opened = seal ? 'can be opened; ' : '';
  const coming = nextMs > 0 ? `the next one signs in ${showDuration(nextMs)}` : 'the next one is due';
  return [
    ok(
      CHECK,
      `${keys.length === 1 ? 'one' : keys.length} ${opened}the one that signs is ${age} old, ${coming}`,
    ),
  ];
}

function sealFlaw(seal: Seal, { kid, sealedPrivate }: SigningKeyRecord): Finding[] {
  try {
    seal.open(sealedPrivate, `signing-key:${kid}`);
    return [];
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return [
      broken(
        CHECK,
        `the signing key ${kid} cannot be opened with the seal key at hand: no broker starts`,
        'Add the seal key that it was sealed with: MAYFLY_SEAL_KEY=new,old. If that is lost, see docs/operations.md.',
      ),
    ];
  }
}
