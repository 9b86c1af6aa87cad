// One picture of a broker as lines of text, no longer and no more of them than the terminal has room for.
import { showDuration } from '../../domain/duration.js';
import type { TaskView } from '../../sdk/client/index.js';
import { reasonOf } from '../events.js';
import { clip, plain } from '../plain.js';
import { table } from '../table.js';
import type { Reading } from './reading.js';

export const SORTS = ['leases', 'deadline', 'newest'] as const;
export type Sort = (typeof SORTS)[number];

export interface View {
  readonly url: string;
  readonly columns: number;
  readonly rows: number;
  readonly colours: boolean;
  readonly sort: Sort;
  readonly paused: boolean;
  /** What the last try to read came to, where it failed. */
  readonly trouble?: string;
  /** Keys are told where there are any. */
  readonly keys: boolean;
}

interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** Where there is no room for all: how much of it this one gets. */
  readonly weight: number;
}

export function frame(reading: Reading | undefined, view: View): string[] {
  const { columns, rows, keys, trouble } = view;
  const paint = painter(view.colours);
  const head = [
    paint('bold', headline(view, reading)),
    ...(trouble === undefined ? [] : [paint('red', plain(trouble))]),
  ];
  if (!reading) return head.map((line) => cut(line, columns));
  const foot = keys
    ? [paint('dim', `q quit   p ${view.paused ? 'go on' : 'pause'}   s sort by ${nextSort(view.sort)}`)]
    : [];
  const body = laidOut(
    sectionsOf(reading, view),
    rows - head.length - foot.length - (reading.rates ? 3 : 2),
    paint,
  );
  return [...head, ...summary(reading, paint), '', ...body, ...foot]
    .slice(0, rows)
    .map((line) => cut(line, columns));
}

export const nextSort = (sort: Sort): Sort => SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length]!;

function headline({ url, paused }: View, reading: Reading | undefined): string {
  const at = reading ? `${new Date(reading.at).toISOString().slice(0, 19).replace('T', ' ')}Z` : 'asking…';
  return ['mayfly top', ...(paused ? ['PAUSED'] : []), url, at].join('   ');
}

function summary(reading: Reading, paint: Paint): string[] {
  const {
    ready,
    why = '',
    tasks,
    moreTasks,
    live,
    moreLive,
    revoking,
    moreRevoking,
    irrevocable = 0,
    moreIrrevocable,
    quarantines,
    rates,
  } = reading;
  const parts = [
    ready ? paint('green', 'ready') : paint('red', `NOT READY: ${plain(why)}`),
    `${many(tasks.length, moreTasks)} open tasks`,
    `${many(live, moreLive)} live leases`,
    ...(revoking === undefined ? [] : [`${many(revoking, moreRevoking)} to settle at targets`]),
    ...(irrevocable === 0 ? [] : [paint('red', `${many(irrevocable, moreIrrevocable)} IRREVOCABLE`)]),
    `${quarantines.length} in quarantine`,
  ];
  const lines = [parts.join('   ')];
  if (rates) {
    const about = rates.atLeast ? '≥' : '';
    const text = (what: string, rate: number): string => `${what} ${about}${rateText(rate)}`;
    lines.push(
      [text('issued', rates.issued), text('refused', rates.refused), text('kills', rates.kills)].join('   '),
    );
  }
  return lines;
}

const many = (count: number, more: boolean): string => `${count}${more ? '+' : ''}`;
const rateText = (perSecond: number): string => `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`;

function sectionsOf({ tasks, agents, kills, refusals, at }: Reading, { sort }: View): Section[] {
  return [
    section(
      'open tasks',
      3,
      ['task', 'leases', 'settling', 'orchestrator', 'ends', 'purpose'],
      sorted(tasks, sort).map((task) => [
        task.id,
        String(task.leases?.active ?? 0),
        String(task.leases?.revoking ?? 0),
        clip(task.orchestrator, 32),
        `in ${showDuration(Math.max(0, Date.parse(task.deadline) - at))}`,
        clip(task.purpose, 48),
      ]),
    ),
    section(
      'agents with most live leases',
      2,
      ['agent', 'leases', 'tasks'],
      agents.map((load) => [clip(load.agent, 64), String(load.leases), String(load.tasks)]),
    ),
    section(
      'latest kills',
      1,
      ['when', 'by', 'what', 'reason'],
      kills.map(({ at: when, principal = '', detail }) => [
        ago(when, at),
        clip(principal, 32),
        clip(textOf(detail['select']), 48),
        clip(textOf(detail['reason']), 48),
      ]),
    ),
    section(
      'latest refusals',
      2,
      ['when', 'who', 'action', 'reason', 'task', 'tool'],
      refusals.map((event) => [
        ago(event.at, at),
        clip(event.principal ?? '?', 32),
        event.action,
        reasonOf(event) ?? '',
        clip(event.task_id ?? '', 32),
        event.tool ?? '',
      ]),
    ),
  ];
}

const section = (
  title: string,
  weight: number,
  head: readonly string[],
  rows: readonly string[][],
): Section => ({
  title,
  weight,
  lines: rows.length === 0 ? ['none'] : table(head, rows).split('\n'),
});

/** Each gets what it needs, or its share; what one does not need, the next ones have. */
function laidOut(sections: readonly Section[], room: number, paint: Paint): string[] {
  const lines: string[] = [];
  let left = room;
  let weights = sections.reduce((sum, { weight }) => sum + weight, 0);
  for (const { title, weight, lines: all } of sections) {
    // A title above, and an empty line below.
    const most = Math.max(2, Math.floor((left * weight) / weights) - 2);
    const shown = all.slice(0, most);
    lines.push(paint('bold', title.toUpperCase()), ...shown, '');
    left -= shown.length + 2;
    weights -= weight;
  }
  return lines.slice(0, Math.max(0, room));
}

function sorted(tasks: readonly TaskView[], sort: Sort): readonly TaskView[] {
  if (sort === 'newest') return tasks;
  const by = (task: TaskView): number =>
    sort === 'leases' ? -(task.leases?.active ?? 0) : Date.parse(task.deadline);
  return tasks.toSorted((a, b) => by(a) - by(b));
}

const ago = (when: string, now: number): string => `${showDuration(Math.max(0, now - Date.parse(when)))} ago`;
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const STYLES = { bold: 1, dim: 2, red: 31, green: 32 } as const;
type Paint = (style: keyof typeof STYLES, text: string) => string;
const painter =
  (colours: boolean): Paint =>
  (style, text) =>
    colours ? `\u001B[${STYLES[style]}m${text}\u001B[0m` : text;

// What is painted is ours: everything else was made harmless before.
const PAINTED = /(\u001B\[\d+m)/; // eslint-disable-line no-control-regex

/** To so many characters, with what paints them not counted. */
function cut(line: string, columns: number): string {
  let room = columns;
  return line
    .split(PAINTED)
    .map((piece) => {
      if (PAINTED.test(piece)) return piece;
      const characters = Array.from(piece).slice(0, room);
      room -= characters.length;
      return characters.join('');
    })
    .join('');
}
