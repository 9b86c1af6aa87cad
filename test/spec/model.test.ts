// The model of the lease protocol: it holds in every state of its scenes, and what breaks it is found out.
// The scenes that take longer: model.long.test.ts.
import { describe, expect, test } from '@jest/globals';
import { explore, inTurn } from '../../spec/explore.mjs';
import { brokenProtocols, scenes } from '../../spec/scenes.mjs';

const absent = (process.env['MAYFLY_TEST_ABSENT'] ?? '').split(',').includes('spin');
/** Generous: how busy the machine is has nothing to do with the protocol. */
const WITHIN_MS = 600_000;

/* All are under way from the start, two at a time; each test waits for its own. */
const all = [...scenes, ...brokenProtocols];
const begin = absent ? undefined : startAll();
function startAll(): Map<string, ReturnType<typeof explore>> {
  const explorations = inTurn(
    all.map((scene) => () => explore(scene.defines, { optimise: !('finds' in scene), tellStory: true })),
  );
  return new Map(all.map(({ name }, index) => [name, explorations[index]!]));
}
const explorationOf = (name: string): ReturnType<typeof explore> => begin!.get(name)!;

(absent ? describe.skip : describe)('the lease protocol', () => {
  test.each(scenes)(
    'holds in every state: $name ($shows)',
    async ({ name }) => {
      const { violated, complete, story } = await explorationOf(name);
      expect({ violated, story }).toEqual({ violated: undefined, story: '' });
      expect(complete).toBe(true);
    },
    WITHIN_MS,
  );

  test.each(brokenProtocols)(
    'is found broken where $shows ($name)',
    async ({ name, finds }) => {
      const { violated } = await explorationOf(name);
      expect(violated).toMatch(new RegExp(finds));
    },
    WITHIN_MS,
  );
});
