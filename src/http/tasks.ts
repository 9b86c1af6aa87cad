// Routes of tasks: for the orchestrators who open and complete them.
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import { isTaskId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import { completeTask } from '../tasks/complete-task.js';
import { extendTask } from '../tasks/extend-task.js';
import { openTask } from '../tasks/open-task.js';
import { listTasks, readTask, withCounts } from '../tasks/read-task.js';
import { signalTask } from '../tasks/signal-task.js';
import {
  completeTaskBody,
  completeTaskQuery,
  extendTaskBody,
  listTasksQuery,
  openTaskBody,
  signalBody,
} from '../wire/tasks.js';
import { ok } from './answer.js';
import type { Respond } from './call.js';
import { page, present } from './page.js';
import { parse } from './parse.js';
import { signalView, taskView } from './views.js';

/** A request does not hang for longer than its time-out allows. */
const LONGEST_WAIT_MS = 20_000;

export const taskRoutes = (broker: Broker) =>
  ({
    openTask: async ({ principal, body, entry }) => {
      const asked = parse(openTaskBody, body);
      if (asked instanceof Refusal) return asked;
      const { agents, tools, instance, ttl, labels = {}, id, parent, purpose } = asked;
      const manifest = {
        agents,
        tools: tools.map(present),
        ...(instance && { instance: present(instance) }),
      };
      const opened = await openTask(
        broker,
        principal,
        { purpose, manifest, labels, ttlMs: ttl, ...(id && { id }), ...(parent && { parent }) },
        entry,
      );
      if (opened instanceof Refusal) return opened;
      broker.wake({ by: opened.task.deadline });
      const answer = ok(taskView(await withCounts(broker, opened.task)), opened.created ? 201 : 200);
      return { ...answer, headers: { ...answer.headers, location: `/v1/tasks/${opened.task.id}` } };
    },

    listTasks: async ({ principal, query }) => {
      const asked = parse(listTasksQuery, query);
      if (asked instanceof Refusal) return asked;
      const tasks = await listTasks(broker, principal, present(asked));
      return ok(page('tasks', tasks.map(taskView), asked.limit));
    },

    readTask: async ({ principal, params, entry }) => {
      const id = idIn(params);
      const read = id instanceof Refusal ? id : await readTask(broker, principal, id, entry);
      return read instanceof Refusal ? read : ok(taskView(read));
    },

    completeTask: async ({ principal, params, query, body, entry }) => {
      const id = idIn(params);
      const named = parse(completeTaskBody, body ?? {});
      const asked = parse(completeTaskQuery, query);
      const refused = [id, named, asked].find((part) => part instanceof Refusal);
      if (refused || id instanceof Refusal || named instanceof Refusal || asked instanceof Refusal)
        return refused as Refusal;
      const { outcome, reason } = named;
      const closed = await completeTask(
        broker,
        principal,
        id,
        {
          outcome,
          ...(reason !== undefined && { reason }),
          ...(asked.wait !== undefined && { waitMs: Math.min(asked.wait, LONGEST_WAIT_MS) }),
        },
        entry,
      );
      return closed instanceof Refusal ? closed : ok(taskView({ task: closed }));
    },

    extendTask: async ({ principal, params, body, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      const until = parse(extendTaskBody, body);
      if (until instanceof Refusal) return until;
      const extended = await extendTask(broker, principal, id, until, entry);
      return extended instanceof Refusal ? extended : ok(taskView({ task: extended }));
    },

    signalTask: async ({ principal, params, body, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      const asked = parse(signalBody, body);
      if (asked instanceof Refusal) return asked;
      const signalled = await signalTask(broker, principal, id, present(asked), entry);
      return signalled instanceof Refusal ? signalled : ok(signalView(asked.type, signalled));
    },
  }) satisfies Record<string, Respond>;

/** What cannot be a task's name is no task's name. */
const idIn = ({ id = '' }: Readonly<Record<string, string>>): TaskId | Refusal =>
  isTaskId(id) ? id : new Refusal('task_unknown', `${id.slice(0, 80)} is not a task id`);
