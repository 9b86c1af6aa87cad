// `npm run spec [-- --large] [NAME…]`: explores the model in spec/, and sees that each broken protocol is found out.
// With `--story` it tells how a violation comes about: `npm run spec -- --story NO_FENCE`.
import Table from 'cli-table3';
import { explore, inTurn } from '../spec/explore.mjs';
import { brokenProtocols, largeScenes, longerScenes, scenes } from '../spec/scenes.mjs';

const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('--'));
const large = args.includes('--large');
const tellStory = args.includes('--story');

const all = [...scenes, ...longerScenes, ...(large ? largeScenes : []), ...brokenProtocols];
const chosen =
  names.length > 0 ? [...new Set([...all, ...largeScenes])].filter(({ name }) => names.includes(name)) : all;
if (chosen.length === 0) {
  console.error(
    `usage: npm run spec [-- --large] [--story] [NAME…]\n${all.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

const limits = { tellStory, ...(large && { megabytes: 16_000, seconds: 3600 }) };
const answers = inTurn(
  chosen.map((scene) => () => explore(scene.defines, { ...limits, optimise: !('finds' in scene) })),
);

const table = new Table({
  head: ['', 'must', 'found', 'states', 'depth', 'seconds', 'MB'],
  style: { head: [], border: [], compact: true },
});
/** Of a condition with a name for its failure, the name. */
const nameOf = (/** @type {string} */ violated) =>
  /\w+_(?:left_over|forgotten)/.exec(violated)?.[0] ?? violated;
let failed = 0;
for (const [index, scene] of chosen.entries()) {
  const found = await answers[index];
  if (!found) continue;
  const finds = 'finds' in scene ? String(scene.finds) : undefined;
  const asMust = finds === undefined ? found.complete : new RegExp(finds).test(found.violated ?? '');
  if (!asMust) failed++;
  const what = found.violated ? nameOf(found.violated) : found.complete ? 'holds' : 'not all was searched';
  table.push([
    scene.name,
    finds === undefined ? 'hold' : 'fail',
    `${asMust ? '' : 'WRONG: '}${what}`,
    found.states.toLocaleString('en'),
    found.depth,
    found.seconds.toFixed(1),
    Math.round(found.megabytes),
  ]);
  console.error(`${asMust ? 'ok    ' : 'FAILED'} ${scene.name}: ${scene.shows}`);
  if (tellStory) console.log(found.story);
}
console.log(table.toString());
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
