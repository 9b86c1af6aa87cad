// What a broker takes for heard of the store's news: never more than it was told.
import { afterEach, expect, test } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { ALL_SLOTS, Keys } from '../../src/store/redis/keys.js';
import { News } from '../../src/store/redis/news.js';

const SLOT = 3;
const KILL = { at: 1, mootAt: 10, by: 'mayfly', requestId: 'req_1' };
const keys = new Keys('mayfly');

/** A store of which each answer is given by the test. */
class Told {
  readonly client = Object.assign(new EventEmitter(), { ssubscribe: () => Promise.resolve() });
  readonly slots = {
    keys,
    epoch: 'one',
    latest: 1,
    origin: 'us',
    askAll: () => Promise.resolve(ALL_SLOTS.map(() => [this.count, 1])),
    affirm: () => Promise.resolve(),
    heard: () => undefined,
    closed: () => undefined,
  };
  readonly reader = {
    kills: () => Promise.resolve([]),
    killsIn: (slot: number) => this.killsIn(slot),
    wideIn: () => Promise.resolve([]),
    quarantines: () => Promise.resolve([]),
  };
  readonly known: string[] = [];
  readonly news: News;
  /** What every slot has told. */
  count = 0;
  killsIn: (slot: number) => Promise<unknown[]> = () => Promise.resolve([]);

  constructor() {
    const tasks = { forget: () => undefined };
    const log = { info: () => undefined, warn: () => undefined };
    const parts = { client: this.client, slots: this.slots, reader: this.reader, tasks, log };
    this.news = new News(parts as never);
    this.news.watch((told) => {
      if (told.kind === 'revocation') this.known.push(told.revocation.name);
    });
  }

  say(count: number, epoch: string, name: string): void {
    const body = JSON.stringify({ selector: `task:${name}`, kill: KILL });
    this.client.emit('smessage', keys.in(SLOT, 'news'), `${count} 1 them ${epoch} ${body}`);
  }

  /** From here on the slot holds this. */
  holds(name: string): void {
    const kill = { kind: 'task', name, cutoff: Infinity, ...KILL };
    this.killsIn = (slot) => Promise.resolve(slot === SLOT ? [kill] : []);
  }

  /** Another server has taken over, and has told less than the one before it. */
  replaced(count: number): void {
    this.count = count;
    this.slots.epoch = 'two';
    this.news.restart(ALL_SLOTS.map(() => count));
  }
}

let told: Told | undefined;
afterEach(() => told?.news.close());

async function opened(count: number): Promise<Told> {
  told = new Told();
  told.count = count;
  await told.news.open(ALL_SLOTS.map(() => count));
  return told;
}

test('what a server had told that was replaced while it was asked hides nothing that its successor loses', async () => {
  const store = await opened(999);
  // Told by the old server, with a message that was lost with it.
  store.count = 1000;
  let isReplaced = false;
  store.killsIn = () => {
    if (!isReplaced) store.replaced(997);
    isReplaced = true;
    return Promise.resolve([]);
  };
  await store.news.asOf();
  store.holds('lost');
  store.count = 998;
  await store.news.asOf();
  expect(store.known).toEqual(['lost']);
});

test('a message of a server that was replaced is believed, and counts for none of its successor', async () => {
  const store = await opened(5);
  store.replaced(2);
  await store.news.asOf();
  store.slots.epoch = 'two';
  store.say(3, 'one', 'late');
  store.holds('lost');
  store.count = 3;
  await store.news.asOf();
  expect(store.known).toEqual(['late', 'lost']);
});

test('what one listener cannot take reaches the others: it would not be told again', async () => {
  const store = await opened(0);
  store.news.watch(() => {
    throw new Error('no');
  });
  const heard: string[] = [];
  store.news.watch((news) => {
    if (news.kind === 'revocation') heard.push(news.revocation.name);
  });
  store.say(1, 'one', 'run-1');
  expect(heard).toEqual(['run-1']);
});
