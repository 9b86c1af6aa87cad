// Tasks that end with the work that they are for: completed, failed, cancelled, and told of where nobody confirmed it.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type MayflyError,
  openTask,
  type TaskOptions,
  withTask,
} from '../../../src/sdk/orchestrator/index.js';
import type { TaskView } from '../../../src/wire/tasks.js';
import { TestBroker } from '../../fixtures/broker.js';
import { answering, inPlaceOfBroker } from '../../fixtures/in-place-of-broker.js';
import { until } from '../../fixtures/until.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

const options = (more: Partial<TaskOptions> = {}): TaskOptions => ({
  broker: broker.url,
  token: () => broker.workloads.token('planner'),
  purpose: 'a test',
  agents: ['cluster/agent-*'],
  tools: [{ tool: 'crm', actions: ['read'] }],
  ttl: '10m',
  ...more,
});

const failure = (call: Promise<unknown>): Promise<MayflyError> =>
  call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as MayflyError,
  );
const read = async (id: string): Promise<TaskView> =>
  (await broker.get<TaskView>(`/v1/tasks/${id}`, 'planner')).body;
const credentialOf = async (task: string): Promise<string> =>
  (await broker.credential('agent-1', { task_id: task, audience: 'crm' })).access_token;

/** Answers in the place of the broker for so long as `isAway` says. */
const away = (isAway: (path: string) => boolean): { fetch: typeof fetch; tries: () => number } => {
  let tries = 0;
  return {
    tries: () => tries,
    fetch: (url, init) => {
      if (!isAway(new URL(url).pathname)) return fetch(url, init);
      tries++;
      return Promise.reject(new TypeError('away'));
    },
  };
};
const completing = (path: string): boolean => path.endsWith('/complete');

describe('a task', () => {
  test('is completed when the work returns, and then its credentials are dead', async () => {
    let [id, credential] = ['', ''];
    const result = await withTask(options(), async (task) => {
      id = task.id;
      credential = await credentialOf(id);
      expect(await broker.introspect(credential)).toMatchObject({ active: true });
      expect(task.signal.aborted).toBe(false);
      return 42;
    });
    expect(result).toBe(42);
    expect(await broker.introspect(credential)).toEqual({ active: false });
    expect(await read(id)).toMatchObject({ state: 'settled', outcome: 'completed' });
  });

  test('has failed when the work throws, which is what the caller gets, and the record gets its name', async () => {
    const thrown = new RangeError('with something that is secret');
    const work = withTask(options({ id: 'thrown' }), () => {
      throw thrown;
    });
    expect(await failure(work)).toBe(thrown);
    const view = await read('thrown');
    expect(view).toMatchObject({ outcome: 'failed', reason: 'the work threw RangeError' });
  });

  test('is cancelled when the signal aborts, at once, and the caller hears of it when the work has stopped', async () => {
    const abort = new AbortController();
    const reason = new Error('no longer wanted');
    const seen: string[] = [];
    const work = withTask(options({ id: 'aborted', signal: abort.signal }), async (task) => {
      const credential = await credentialOf(task.id);
      abort.abort(reason);
      expect(task.signal.reason).toBe(reason);
      await until('the credential is dead', async () => !(await broker.introspect(credential)).active);
      seen.push('stopped');
      return 'in spite of that';
    });
    expect(await failure(work)).toBe(reason);
    expect(seen).toEqual(['stopped']);
    expect(await read('aborted')).toMatchObject({ outcome: 'cancelled' });
    expect(await failure(withTask(options({ signal: abort.signal }), () => 1))).toBe(reason);
  });

  test('that was cancelled by the work itself gives what the work returns', async () => {
    const work = withTask(options({ id: 'given-up' }), async (task) => {
      await task.cancel('nothing to do');
      expect(task.signal.aborted).toBe(true);
      return 'nothing';
    });
    expect(await work).toBe('nothing');
    expect(await read('given-up')).toMatchObject({ outcome: 'cancelled', reason: 'nothing to do' });
  });

  test('tells the work when its deadline has come', async () => {
    const reason = withTask(
      options({ ttl: 1 }),
      (task) =>
        new Promise((resolve) => task.signal.addEventListener('abort', () => resolve(task.signal.reason))),
    );
    expect(await reason).toMatchObject({ code: 'ERR_TASK_OVER' });
  });

  test('goes on past its deadline only where that is asked for', async () => {
    await withTask(options({ id: 'kept', ttl: 3, keepAlive: true }), async (task) => {
      const first = task.view.deadline;
      await until('its deadline is later', () => task.view.deadline > first);
      await task.extend({ ttl: '5m' });
      expect(Date.parse(task.view.deadline)).toBeGreaterThan(Date.now() + 200_000);
      await broker.complete('kept');
    });
  });

  test('reports what happened in it', async () => {
    await withTask(options(), async (task) => {
      expect(await task.report('untrusted_content', 'read a page')).toMatchObject({
        task_id: task.id,
        added: true,
      });
    });
  });
});

describe('a task below', () => {
  test('has what it is given, ends with its part of the work, and leaves the one above open', async () => {
    await withTask(options({ id: 'above' }), async (task) => {
      const tools = [{ tool: 'crm', actions: ['read'] }];
      const id = await task.child({ name: 'part', purpose: 'a part', tools }, async (child) => {
        expect(child.view).toMatchObject({ parent: 'above', agents: ['cluster/agent-*'] });
        return child.id;
      });
      expect(await read(id)).toMatchObject({ id: 'above.part', outcome: 'completed' });
      const thrown = new Error('a part');
      const part = task.child({ purpose: 'a part', tools }, () => Promise.reject(thrown));
      expect(await failure(part)).toBe(thrown);
      expect(await read('above')).toMatchObject({ state: 'open' });
    });
  });

  test('is kept open as that one is, also where it asked for more before that one had it', async () => {
    const tools = [{ tool: 'crm', actions: ['read'] }];
    let isPartFirst = true;
    const held: typeof fetch = async (url, init) => {
      const { pathname } = new URL(url);
      if (pathname.endsWith('/long/extend')) await until('the part was refused', () => !isPartFirst);
      const response = await fetch(url, init);
      if (pathname.endsWith('/long.part/extend')) isPartFirst = false;
      return response;
    };
    await withTask(options({ id: 'long', ttl: 8, keepAlive: true, fetch: held }), (task) =>
      task.child({ name: 'part', purpose: 'a part', tools }, async (part) => {
        const first = part.view.deadline;
        await until('its deadline is later', () => part.view.deadline > first, { withinMs: 20_000 });
      }),
    );
  });

  test('is told when the one above is cancelled', async () => {
    const abort = new AbortController();
    const tools = [{ tool: 'crm', actions: ['read'] }];
    const work = withTask(options({ signal: abort.signal }), (task) =>
      task.child({ purpose: 'a part', tools }, async (child) => {
        abort.abort();
        expect(child.signal.aborted).toBe(true);
        child.signal.throwIfAborted();
      }),
    );
    expect(await failure(work)).toMatchObject({ name: 'AbortError' });
  });
});

describe('a block', () => {
  test('that is left without completing has failed, and one that completed has not', async () => {
    {
      await using task = await openTask(options({ id: 'block-done' }));
      await task.complete('done');
    }
    expect(await read('block-done')).toMatchObject({ outcome: 'completed', reason: 'done' });
    {
      await using task = await openTask(options({ id: 'block-left' }));
      expect(task.view.state).toBe('open');
    }
    expect(await read('block-left')).toMatchObject({ outcome: 'failed' });
  });
});

describe('while the broker is away', () => {
  test('the end is tried for until it is back', async () => {
    let left = 3;
    const { fetch, tries } = away((path) => completing(path) && left-- > 0);
    expect(await withTask(options({ id: 'back', fetch }), () => 'done')).toBe('done');
    expect(tries()).toBe(3);
    expect(await read('back')).toMatchObject({ outcome: 'completed' });
  });

  test('for too long, the caller is told when the task ends by itself', async () => {
    const { fetch, tries } = away(completing);
    const error = await failure(
      withTask(options({ id: 'lost', fetch, completionTimeoutMs: 400 }), () => 'done'),
    );
    const { deadline } = await read('lost');
    expect(error).toMatchObject({ code: 'ERR_KILL_UNCONFIRMED', deadline });
    expect(error.message).toContain(deadline);
    expect(error.cause).toMatchObject({ code: 'ERR_UNREACHABLE' });
    expect(tries()).toBeGreaterThan(1);
  });

  test('for too long, what the work threw is not hidden, and does not hide that', async () => {
    const { fetch } = away(completing);
    const thrown = new Error('the work');
    const work = withTask(options({ fetch, completionTimeoutMs: 100 }), () => Promise.reject(thrown));
    const error = await failure(work);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ errors: [thrown, { code: 'ERR_KILL_UNCONFIRMED' }], cause: thrown });
  });

  test('and silent, each try has an end, and so has the whole', async () => {
    const silent = await inPlaceOfBroker((response, asked) => {
      if (asked.url.endsWith('/tasks')) answering(201, view)(response, asked);
    });
    const view = { id: 'silent', opened_at: '2030-01-01T00:00:00Z', deadline: '2030-01-01T00:10:00Z' };
    const work = withTask(options({ broker: silent.url, completionTimeoutMs: 300 }), () => 1);
    expect(await failure(work)).toMatchObject({ code: 'ERR_KILL_UNCONFIRMED', deadline: view.deadline });
    silent.close();
  });

  test('an end may be tried again by hand, and stays what it was', async () => {
    let isAway = true;
    const { fetch } = away((path) => completing(path) && isAway);
    const task = await openTask(options({ id: 'again', fetch, completionTimeoutMs: 100 }));
    expect(await failure(task.cancel())).toMatchObject({ code: 'ERR_KILL_UNCONFIRMED' });
    isAway = false;
    expect(await task.complete()).toMatchObject({ outcome: 'cancelled' });
  });

  test('a workload token that cannot be had is asked for again', async () => {
    let lacking = 2;
    let isOpen = false;
    const token = (): string => {
      if (isOpen && lacking-- > 0) throw new Error('the platform is away');
      return broker.workloads.token('planner');
    };
    await withTask(options({ id: 'token', token }), () => {
      isOpen = true;
    });
    expect(lacking).toBeLessThan(0);
    expect(await read('token')).toMatchObject({ outcome: 'completed' });
  });

  test('what another try would not change is not tried again', async () => {
    const gone = await inPlaceOfBroker((response, asked) =>
      answering(asked.url.endsWith('/tasks') ? 201 : 404, view)(response, asked),
    );
    const view = { id: 'gone', opened_at: '2030-01-01T00:00:00Z', deadline: '2030-01-01T00:10:00Z' };
    expect(await failure(withTask(options({ broker: gone.url }), () => 1))).toMatchObject({
      code: 'ERR_KILL_UNCONFIRMED',
      status: 404,
    });
    expect(gone.seen).toHaveLength(2);
    gone.close();
  });
});

describe('an opening', () => {
  test('that is refused is told as it is, and no work is done', async () => {
    let worked = false;
    const error = await failure(
      withTask(options({ ttl: '1000h' }), () => {
        worked = true;
      }),
    );
    expect([error.code, error.problem, worked]).toEqual(['ERR_REFUSED', 'ttl-exceeded', false]);
  });

  test.each([NaN, Infinity, 0, -1, 1.5, 2 ** 31])(
    'with a completionTimeoutMs of %d is a mistake before anything is opened, and not when the work is done',
    async (completionTimeoutMs) => {
      const { fetch, tries } = away(() => true);
      const mistaken = failure(withTask(options({ completionTimeoutMs, fetch }), () => 1));
      expect([(await mistaken).code, tries()]).toEqual(['ERR_USAGE', 0]);
    },
  );

  test('whose answer was not heard leaves no task open', async () => {
    let id = '';
    const deaf: typeof fetch = async (url, init) => {
      const response = await fetch(url, init);
      if (!(url as string).endsWith('/v1/tasks')) return response;
      ({ id } = (await response.json()) as TaskView);
      throw new TypeError('the connection broke');
    };
    expect(await failure(openTask(options({ fetch: deaf })))).toMatchObject({ code: 'ERR_UNREACHABLE' });
    expect(await read(id)).toMatchObject({ outcome: 'cancelled' });
  });
});

test('many tasks at a time have one listener for each way that a program ends, and none when they are over', async () => {
  const events = ['SIGINT', 'SIGTERM', 'SIGHUP', 'beforeExit', 'uncaughtException'];
  const listeners = (): number[] => events.map((event) => process.listenerCount(event));
  // Those of the tests before go in a moment.
  let before = listeners();
  await until('they stay as they are', async () => {
    const earlier = before;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    before = listeners();
    return before.every((count, at) => count === earlier[at]);
  });
  await Promise.all(
    Array.from({ length: 20 }, () =>
      withTask(options(), () => expect(listeners()).toEqual(before.map((count) => count + 1))),
    ),
  );
  await until('none of them is left', () => listeners().every((count, at) => count === before[at]));
});
