// The target that other tests are told by keeps the contract of external minters itself: what it does, real ones do.
import type { Grant } from '../../src/domain/grant.js';
import { chance, leaseId } from '../../src/domain/ids.js';
import type { ReservedLease } from '../../src/domain/lease.js';
import { describeMinter } from '../contract/minter.js';
import { ExternalTarget } from '../fixtures/external-target.js';

const grant = { tool: { name: 'accounts' }, actions: ['read'] } as unknown as Grant;
const impossible = { tool: { name: 'accounts' }, actions: ['fly'] } as unknown as Grant;

const failing = (why: string) => () => Promise.reject(new Error(why));
const ok = (): Promise<void> => Promise.resolve();

describeMinter('in-memory', () => {
  const target = new ExternalTarget();
  const usual = (): void => {
    target.beforeMint = ok;
    target.beforeKill = ok;
    target.afterMint = ok;
  };
  return Promise.resolve({
    minter: target,
    grant,
    impossible,
    secrets: ['password of'],
    lease: () => ({ id: leaseId(Date.now(), 0, chance()), tool: 'accounts' }) as unknown as ReservedLease,
    exists: (id) => Promise.resolve(target.accounts.has(id)),
    opens: ({ secret }) => Promise.resolve(target.accounts.has(secret.reveal().replace('password of ', ''))),
    goDown: () => {
      target.beforeMint = failing('the target is down');
      target.beforeKill = failing('the target is down');
    },
    fallSilent: () => {
      target.afterMint = failing('no answer');
      target.beforeKill = failing('no answer');
    },
    breakAt: (step, when) => {
      if (step > 1) return;
      if (when === 'unanswered') target.afterMint = failing('no answer');
      else {
        target.beforeMint = failing('the way broke');
        target.beforeKill = failing('the way broke');
      }
    },
    recover: usual,
    close: ok,
  });
});
