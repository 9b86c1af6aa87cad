// The model of the lease protocol in its longer scenes, and in its large ones, where more goes wrong at once: up to a
// minute, and gigabytes of memory.
import { describe, expect, test } from '@jest/globals';
import { explore } from '../../spec/explore.mjs';
import { largeScenes, longerScenes } from '../../spec/scenes.mjs';

const absent = (process.env['MAYFLY_TEST_ABSENT'] ?? '').split(',').includes('spin');
const LARGE = { megabytes: 16_000, seconds: 3600, tellStory: true };

(absent ? describe.skip : describe)('the lease protocol, at length', () => {
  test.each([...longerScenes, ...largeScenes])(
    'holds in every state: $name ($shows)',
    async ({ defines }) => {
      const { violated, complete, story } = await explore(defines, LARGE);
      expect({ violated, story }).toEqual({ violated: undefined, story: '' });
      expect(complete).toBe(true);
    },
    LARGE.seconds * 1000,
  );
});
