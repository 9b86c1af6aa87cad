// In which order jest runs the files: those first that take longest, so that the last one keeps no worker waiting.
import sequencer from '@jest/test-sequencer';

/** What it exports to ES modules is the class; its types describe the CommonJS module. */
const Sequencer = /** @type {typeof sequencer.default} */ (/** @type {unknown} */ (sequencer));

/** By their time in `npm test`. Jest itself knows only their size in a fresh clone, and some of these are small. */
const LONGEST = [
  'docs/literal',
  'chaos/kill-targets',
  'spec/model',
  'e2e/redis',
  'chaos/replicas',
  'packaging/package',
  'docs/operations',
  'cli/exec-fresh',
  'http/fuzz',
  'chaos/feed-faults',
  'e2e/demo',
  'chaos/brokers-killed',
  'minters/aws-sts/contract',
  'cli/dev',
  'e2e/process',
  'chaos/kill-nine',
];

/**
 * @typedef {Parameters<InstanceType<typeof Sequencer>['sort']>[0][number]} Test
 */

/** @param {Test} test */
const rank = ({ path }) => {
  const at = LONGEST.findIndex((name) => path.endsWith(`/test/${name}.test.ts`));
  return at < 0 ? LONGEST.length : at;
};

export default class LongestFirst extends Sequencer {
  /**
   * @override
   * @param {Test[]} tests
   */
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted].sort((one, other) => rank(one) - rank(other));
  }
}
