// The contract of external minters: the suite that each of them runs, on a real target of its kind.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Grant } from '../../src/domain/grant.js';
import type { LeaseId } from '../../src/domain/ids.js';
import type { ReservedLease } from '../../src/domain/lease.js';
import type { ExternalMinter, Minted } from '../../src/minters/minter.js';

/** A minter, its target, and what may happen to the way between them. */
export interface MinterScene {
  readonly minter: ExternalMinter;
  readonly grant: Grant;
  /** One that the target cannot give. */
  readonly impossible: Grant;
  /** What must stand in no error. */
  readonly secrets: readonly string[];
  lease(): ReservedLease;
  /** Whether anything by the lease's name is left at the target, asked there. */
  exists(id: LeaseId): Promise<boolean>;
  /** Whether the credential opens anything. */
  opens(minted: Minted): Promise<boolean>;
  /** Refuses connections. */
  goDown(): Promise<void> | void;
  /** Takes everything, does it, and answers nothing. */
  fallSilent(): Promise<void> | void;
  /** From now on, the way to the target breaks at the n-th thing that is said: before it arrives, or before the answer. */
  breakAt(step: number, when: 'unsaid' | 'unanswered'): void;
  recover(): Promise<void> | void;
  close(): Promise<void>;
}

/** A real target, on a machine that has other things to do. */
const START_WITHIN_MS = 90_000;
/** An attempt of a kill takes no longer (src/revocation/sweeper.ts). */
const BOUNDED_MS = 20_000;
/** More than a mint or a kill of any kind has. */
const MOST_STEPS = 12;

const failureOf = async (work: Promise<unknown>): Promise<Error> => {
  const begun = performance.now();
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(performance.now() - begun).toBeLessThan(BOUNDED_MS);
  if (!(outcome instanceof Error)) throw new Error('it did not fail');
  return outcome;
};

export function describeMinter(name: string, open: () => Promise<MinterScene>): void {
  describe(`the ${name} minter`, () => {
    let scene: MinterScene;
    beforeAll(async () => {
      scene = await open();
    }, START_WITHIN_MS);
    afterEach(() => scene.recover());
    afterAll(() => scene.close());

    test('what it mints can be used until it is revoked, and not after', async () => {
      const lease = scene.lease();
      const minted = await scene.minter.mint(lease, scene.grant);
      expect([await scene.opens(minted), await scene.exists(lease.id)]).toEqual([true, true]);
      await scene.minter.revoke(lease, minted.secret);
      expect(await scene.opens(minted)).toBe(false);
      expect(await scene.exists(lease.id)).toBe(false);
    });

    test('the secret is needed to revoke only where the minter says so', async () => {
      if (scene.minter.needsSecretToRevoke) return;
      const lease = scene.lease();
      await scene.minter.mint(lease, scene.grant);
      await scene.minter.revoke(lease);
      expect(await scene.exists(lease.id)).toBe(false);
    });

    test('to revoke twice is to revoke once', async () => {
      const lease = scene.lease();
      const { secret } = await scene.minter.mint(lease, scene.grant);
      await scene.minter.revoke(lease, secret);
      await expect(scene.minter.revoke(lease, secret)).resolves.toBeUndefined();
    });

    test('what never came to be is revoked at once', async () => {
      await expect(scene.minter.revoke(scene.lease())).resolves.toBeUndefined();
    });

    test('a kill ends nothing but what it names', async () => {
      const [lease, other] = [scene.lease(), scene.lease()];
      await scene.minter.mint(lease, scene.grant);
      const minted = await scene.minter.mint(other, scene.grant);
      await scene.minter.revoke(lease);
      expect(await scene.opens(minted)).toBe(true);
      await scene.minter.revoke(other);
    });

    test('two kills of one credential at once both end well', async () => {
      const lease = scene.lease();
      const { secret } = await scene.minter.mint(lease, scene.grant);
      await Promise.all([1, 2].map(() => scene.minter.revoke(lease, secret)));
      expect(await scene.exists(lease.id)).toBe(false);
    });

    test('a kill beside the mint, and once more after it, leaves nothing', async () => {
      for (let round = 0; round < 5; round++) {
        const lease = scene.lease();
        const mint = scene.minter.mint(lease, scene.grant).catch(() => undefined);
        await Promise.all([mint, scene.minter.revoke(lease)]);
        await scene.minter.revoke(lease);
        expect(await scene.exists(lease.id)).toBe(false);
      }
    });

    test('a mint whose answer never came can be killed', async () => {
      const lease = scene.lease();
      await scene.fallSilent();
      await failureOf(scene.minter.mint(lease, scene.grant));
      await scene.recover();
      await scene.minter.revoke(lease);
      expect(await scene.exists(lease.id)).toBe(false);
    });

    test.each(['unsaid', 'unanswered'] as const)(
      'whatever breaks off at any step, with that step %s, is gone after one more kill',
      async (when) => {
        for (let step = 1; step <= MOST_STEPS; step++) {
          const lease = scene.lease();
          scene.breakAt(step, when);
          await scene.minter.mint(lease, scene.grant).catch(() => undefined);
          await scene.recover();
          scene.breakAt(step, when);
          await scene.minter.revoke(lease).catch(() => undefined);
          await scene.recover();
          await scene.minter.revoke(lease);
          expect([step, await scene.exists(lease.id)]).toEqual([step, false]);
        }
      },
    );

    test.each(['goDown', 'fallSilent'] as const)(
      'fails in bounded time where the target does %s, says which, shows no secret, and works again',
      async (what) => {
        const lease = scene.lease();
        const { secret } = await scene.minter.mint(lease, scene.grant);
        await scene[what]();
        const [mint, kill] = await Promise.all([
          failureOf(scene.minter.mint(scene.lease(), scene.grant)),
          failureOf(scene.minter.revoke(lease, secret)),
        ]);
        for (const { message, stack } of [mint, kill]) {
          expect(message).not.toBe('');
          for (const hidden of scene.secrets) expect(`${message}${stack}`).not.toContain(hidden);
        }
        await scene.recover();
        await scene.minter.revoke(lease, secret);
        expect(await scene.exists(lease.id)).toBe(false);
      },
    );

    test('a grant that the target cannot give is refused before anything is made, or fails and leaves nothing', async () => {
      const refusal = scene.minter.refuses?.(scene.impossible, scene.lease().taskId);
      const lease = scene.lease();
      if (refusal) expect(refusal.reason).toBe('resource_not_granted');
      await failureOf(scene.minter.mint(lease, scene.impossible));
      expect(await scene.exists(lease.id)).toBe(false);
    });

    test('lists what bears a name of ours, where it says that it can', async () => {
      expect(scene.minter.list !== undefined).toBe(scene.minter.listable);
      if (!scene.minter.list) return;
      const listed = async (): Promise<LeaseId[]> => {
        const ids: LeaseId[] = [];
        for await (const id of scene.minter.list!(scene.grant.tool.name)) ids.push(id);
        return ids;
      };
      const [one, other] = [scene.lease(), scene.lease()];
      const before = await listed();
      await scene.minter.mint(one, scene.grant);
      await scene.minter.mint(other, scene.grant);
      expect((await listed()).toSorted()).toEqual([...before, one.id, other.id].toSorted());
      await scene.minter.revoke(one);
      expect((await listed()).toSorted()).toEqual([...before, other.id].toSorted());
      await scene.minter.revoke(other);
    });
  });
}
