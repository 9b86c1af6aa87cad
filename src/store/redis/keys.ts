// The names of all keys and channels of the Redis store, built here and nowhere else; docs/storage.md lists them.
import { SLOTS } from '../../domain/ids.js';

/**
 * Names within a slot. Scripts get them as `key('<name>')`; a name that ends in a colon is followed by what it is of.
 * One hash tag per slot keeps everything about a task tree on one node of a cluster.
 */
export const KEY_NAMES = {
  /** Epoch, time, stamp, news and horizon of the slot. */
  clock: 'clock',
  /** Task id → record. */
  tasks: 'tasks',
  /** Task ids in the order of their letters: a tree is a range. */
  ids: 'ids',
  /** Task ids by their opening. */
  opened: 'opened',
  /** Ids of open tasks in the order of their letters: what a close has to look at. */
  openIds: 'open-ids',
  /** Open tasks by deadline. */
  open: 'open',
  /** Closed tasks by when they may be forgotten. */
  closed: 'closed',
  /** The part of a lease's id that is chance → record. */
  leases: 'leases',
  /** Leases in the order of their issuance. */
  issued: 'issued',
  /** Leases of a task, of an agent. */
  of: 'of:',
  by: 'by:',
  /** Kind and agent → the one instance that may hold leases of the tree: the first that got one. By root. */
  bound: 'bound:',
  /** Root → what has come to pass in its tree. */
  contexts: 'contexts',
  /** Digest → the facts about a principal that leases of the tree were decided on. By root. */
  facts: 'facts:',
  /** Roots of trees that are due for review, by since when. */
  reviews: 'reviews',
  /** The status list that each broker adds to, with its epoch; all lists, with how many of their first leases are forgotten. */
  listing: 'listing',
  /** Leases of a status list: each stands at its index. */
  listed: 'listed:',
  /** Minutes in which leases end, and the leases that do. */
  ends: 'ends',
  ending: 'ends:',
  /** External leases that are reserved or active, by when they lapse. */
  external: 'external',
  /** Those that are to be killed at their targets, by when somebody may try. */
  due: 'due',
  /** Those that could not be killed, by when they were given up: somebody must look. */
  irrevocable: 'irrevocable',
  /** How far the walk through external leases has come since the latest kill. */
  walk: 'walk',
  /** Kills of single tasks and leases: selector → kill. */
  kills: 'kills',
  /** Kills of every other kind, with the same content in every slot: selector → kills. */
  wide: 'wide',
  /** Selectors by when they may be forgotten. */
  moot: 'moot',
  /** Agents in quarantine and killed keys, with the same content in every slot. */
  barred: 'barred',
  /** In the first slot alone: roles that deny sessions → the latest claim to write one, and its cut-off. */
  denying: 'denying',
  /** Sessions that a role is to deny; of all roles, by when nobody has to be told any more. */
  denied: 'denied:',
  deniedEnds: 'denied-ends',
  /** Session → the role that it has a seat on; those that are counted on a role; all, by the end of their time. */
  seats: 'seats',
  seated: 'seats:',
  seatEnds: 'seat-ends',
  audit: 'audit',
  /** Replay keys: those expire by themselves. */
  once: 'once:',
  /** In the first slot alone: wide kills under way, signing keys, the version of all this. */
  intents: 'intents',
  /** A channel: what brokers say to each other. */
  peers: 'peers',
  signing: 'signing',
  schema: 'schema',
  /** The channel on which a slot's news are told. */
  news: 'news',
} as const;

/** Where what belongs to no task tree is kept. */
export const HOME_SLOT = 0;

export const ALL_SLOTS: readonly number[] = Array.from({ length: SLOTS }, (_, slot) => slot);

export class Keys {
  readonly #bases: readonly string[];

  constructor(prefix: string) {
    this.#bases = ALL_SLOTS.map((slot) => `${prefix}:{s${String(slot).padStart(2, '0')}}:`);
  }

  /** The key by which a script is routed, and from which it builds the names of the others. */
  clock(slot: number): string {
    return this.#bases[slot]! + KEY_NAMES.clock;
  }

  in(slot: number, name: keyof typeof KEY_NAMES, of = ''): string {
    return this.#bases[slot]! + KEY_NAMES[name] + of;
  }

  /** The slot of a channel, or undefined where it is none of ours. */
  slotOfChannel(channel: string): number | undefined {
    const slot = this.#bases.findIndex((base) => channel === base + KEY_NAMES.news);
    return slot < 0 ? undefined : slot;
  }
}

/** The names as the beginning of every script. */
export const keysLua = `local base = string.sub(KEYS[1], 1, -${KEY_NAMES.clock.length + 1})
local names = { ${Object.entries(KEY_NAMES)
  .map(([name, text]) => `${name} = '${text}'`)
  .join(', ')} }
local function key(name, of) return base .. names[name] .. (of or '') end
`;
