// A task as a person reads it.
import type { TaskView } from '../../wire/tasks.js';
import { facts, table } from '../table.js';
import { clip } from '../plain.js';
import { when } from '../time.js';

export function taskText(task: TaskView, now: number): string {
  const { parent, outcome, reason, closed_at: closedAt, closed_by: closedBy, settled_at: settledAt } = task;
  return facts([
    ['task', task.id],
    ['parent', parent],
    ['state', outcome === undefined ? task.state : `${task.state}, ${outcome}`],
    ['closed', closedAt && `${when(closedAt, now)} by ${closedBy}`],
    ['reason', reason],
    ['settled', settledAt && when(settledAt, now)],
    // Others wrote it, so it stands in quotes: it could pretend to be one of our own lines.
    ['purpose', JSON.stringify(task.purpose)],
    ['orchestrator', task.orchestrator],
    ['agents', task.agents.join('  ')],
    ...task.tools.map(toolFact),
    ['instance', task.instance && instanceText(task.instance)],
    ['opened', when(task.opened_at, now)],
    ['deadline', when(task.deadline, now)],
    ...Object.entries(task.labels).map(([name, value]) => [`label ${name}`, value] as const),
    ['signals', task.signals?.join('  ')],
    ['leases', task.leases && leaseCounts(task)],
  ]);
}

const instanceText = ({ kind, id }: NonNullable<TaskView['instance']>): string =>
  id === undefined ? `the first ${kind} of each agent that gets a credential` : `${kind} ${id}`;

const toolFact = ({ tool, actions, resources }: TaskView['tools'][number]) =>
  ['tool', `${tool}: ${actions.join(', ')}${resources ? ` on ${resources.join(', ')}` : ''}`] as const;

export const tasksText = (tasks: readonly TaskView[], now: number): string =>
  table(
    ['task', 'state', 'orchestrator', 'leases', 'deadline', 'purpose'],
    tasks.map((task) => [
      task.id,
      task.outcome ?? task.state,
      task.orchestrator,
      leaseCounts(task),
      when(task.deadline, now),
      clip(task.purpose, 40),
    ]),
  );

function leaseCounts({ leases }: TaskView): string {
  const some = Object.entries(leases ?? {}).filter(([, count]) => count > 0);
  return some.length === 0 ? 'none' : some.map(([state, count]) => `${count} ${state}`).join(', ');
}
