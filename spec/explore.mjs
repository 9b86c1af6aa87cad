// Explores one scene of the model with spin: every state of it, in a folder of its own that is removed afterwards.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const model = fileURLToPath(new URL('lease-protocol.pml', import.meta.url));
/** Deeper than any scene goes; a search that gets there counts as failed. */
const MOST_STEPS = 1_000_000;
const LINES_OF_STORY = 60;

/**
 * @typedef {object} Exploration
 * @property {boolean} complete every state was visited, with nothing cut off
 * @property {string | undefined} violated the assertion that does not hold, if any
 * @property {number} states
 * @property {number} depth of the longest way
 * @property {number} megabytes
 * @property {number} seconds compiling included
 * @property {string} story the last steps to the violation, where it was asked for
 */

/**
 * @typedef {object} Limits
 * @property {number} [megabytes] that the search may take
 * @property {number} [seconds] that one step may take
 * @property {boolean} [optimise] worth it where a search takes longer than a compilation
 * @property {boolean} [tellStory]
 */

/**
 * @param {readonly string[]} defines
 * @param {Limits} [limits]
 * @returns {Promise<Exploration>}
 */
export async function explore(
  defines,
  { megabytes = 4000, seconds = 300, optimise = true, tellStory = false } = {},
) {
  const folder = await mkdtemp(path.join(tmpdir(), 'mayfly-spec-'));
  const flags = defines.map((define) => `-D${define}`);
  const started = performance.now();
  try {
    const run = (/** @type {string} */ command, /** @type {readonly string[]} */ args) =>
      output(command, args, folder, seconds);
    await run('spin', ['-a', ...flags, model]);
    // SAFETY: no claim is about endless runs. No BITSTATE and no hash compaction: each state is kept as it is.
    // COLLAPSE stores a state in parts, none of it less: slower, and a third of the memory.
    const large = megabytes > 4000;
    const memory = [`-DMEMLIM=${megabytes}`, ...(large ? ['-DCOLLAPSE'] : [])];
    const level = optimise ? (large ? '-O2' : '-O1') : '-O0';
    await run('gcc', ['-DSAFETY', ...memory, level, '-w', '-o', 'pan', 'pan.c']);
    // E: processes that wait for ever are no fault by themselves; AtRest says what is.
    const report = await run('./pan', ['-E', '-n', `-m${MOST_STEPS}`, large ? '-w26' : '-w22']);
    const trail = (await readdir(folder)).find((name) => name.endsWith('.trail'));
    const story =
      tellStory && trail !== undefined ? await run('spin', ['-p', '-k', trail, ...flags, model]) : '';
    return {
      ...readReport(report),
      seconds: (performance.now() - started) / 1000,
      story: storyOf(story),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What was done, by whom and where it stands; not each branch that was taken on the way.
 *
 * @param {string} trail
 */
const storyOf = (trail) =>
  trail
    .replaceAll(`${path.dirname(model)}${path.sep}`, '')
    .split('\n')
    .filter((line) => /proc +\d+ \(.*\[.*\]/.test(line))
    .filter(
      (line) =>
        !/\(state \d+\)\s+\[(?:IF|DO|break|\.\(goto\)|goto.*|sub-sequence|\(1\)|\(!\(0\)\))\]/.test(line),
    )
    .slice(-LINES_OF_STORY)
    .join('\n');

/** @param {string} report what `pan` prints at its end */
function readReport(report) {
  const number = (/** @type {RegExp} */ pattern) => Number(pattern.exec(report)?.[1] ?? Number.NaN);
  const errors = number(/errors: (\d+)/);
  const cut =
    /max search depth too small|out of memory|Search not completed|memory limit|hash-?compact|bit ?state/i;
  return {
    complete: errors === 0 && /Full statespace search/.test(report) && !cut.test(report),
    violated: /assertion violated (.*) \(at depth/.exec(report)?.[1]?.trim(),
    states: number(/(\d+) states, stored/),
    depth: number(/depth reached (\d+)/),
    megabytes: number(/([\d.]+)\s+total actual memory usage/) || number(/([\d.]+)\s+memory usage \(Mbyte\)/),
  };
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 * @param {number} seconds
 * @returns {Promise<string>}
 */
function output(command, args, cwd, seconds) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, timeout: seconds * 1000, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const keep = (/** @type {Buffer} */ chunk) => (text += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      // `pan` says in its report how it went.
      if (command === './pan' && signal === null) resolve(text);
      else if (code === 0) resolve(text);
      else reject(new Error(`${command}: ${signal ?? code}\n${text.slice(-2000)}`));
    });
  });
}

/**
 * Runs at most so many at a time, in order; each answer comes as soon as it is there.
 *
 * @template T
 * @param {readonly (() => Promise<T>)[]} work
 * @param {number} [atATime]
 * @returns {Promise<T>[]}
 */
export function inTurn(work, atATime = Math.min(2, availableParallelism())) {
  /** @type {Promise<unknown>[]} */
  const lanes = Array.from({ length: atATime }, () => Promise.resolve());
  return work.map((one, index) => {
    const lane = index % atATime;
    const answer = lanes[lane]?.then(one) ?? one();
    lanes[lane] = answer.catch(() => {});
    return answer;
  });
}
