// What is explored: scenes in which the protocol must hold, and broken protocols that must be found out.

/**
 * @typedef {object} Scene
 * @property {string} name
 * @property {string} shows
 * @property {readonly string[]} defines who is on stage, and how much may go wrong
 */

/**
 * @typedef {Scene & { finds: string }} Broken
 * `finds`: what the failure must be about, as it is asserted in the model.
 */

/** @type {readonly Scene[]} */
export const scenes = [
  {
    name: 'task',
    shows: 'a close against a JWT, its renewal and an external credential; both brokers crash',
    defines: ['CLOSE', 'JWT', 'RENEWAL', 'EXTERNAL', 'CRASHES=2'],
  },
  {
    name: 'agent',
    shows: 'a kill of an agent over two slots whose clocks differ; a broker crashes',
    defines: ['KILL', 'JWT', 'OTHER_TREE', 'CRASHES=1'],
  },
  {
    name: 'no-replicas',
    shows: 'min_replicas: 0: what a living broker knows comes back; crashes and two failovers',
    defines: ['CLOSE', 'JWT', 'RENEWAL', 'NEWS', 'MIN_REPLICAS=0', 'FAILOVERS=2', 'CRASHES=2'],
  },
  {
    name: 'feed-agent',
    shows: 'a verifier that never asks, after a kill of an agent; a broker crashes',
    defines: ['KILL', 'OTHER_TREE', 'VERIFIER', 'LATEST=1', 'CRASHES=1'],
  },
];

/** Scenes with a lost master that take some seconds each: too long for `npm test`. @type {readonly Scene[]} */
export const longerScenes = [
  {
    name: 'task-failover',
    shows: 'a close and an external credential; the master is lost to a replica that lags',
    defines: ['CLOSE', 'EXTERNAL', 'FAILOVERS=1'],
  },
  {
    name: 'agent-failover',
    shows: 'a kill of an agent; the master of either slot is lost',
    defines: ['KILL', 'OTHER_TREE', 'FAILOVERS=1', 'LATEST=1'],
  },
  {
    name: 'feed-task',
    shows: 'a verifier that never asks, after a close; a broker crashes, a master is lost',
    defines: ['CLOSE', 'JWT', 'VERIFIER', 'NEWS', 'FAILOVERS=1', 'CRASHES=1'],
  },
];

/** More at once: up to a minute and a gigabyte each. @type {readonly Scene[]} */
export const largeScenes = [
  {
    name: 'task-and-agent',
    shows: 'a close and a kill of the agent at the same time, against a JWT and an external credential',
    defines: ['CLOSE', 'KILL', 'JWT', 'EXTERNAL', 'NO_INTERRUPTION', 'LATEST=1'],
  },
  {
    name: 'task-and-agent-crash',
    shows: 'a close and a kill of the agent at the same time, against JWTs in two trees; a broker crashes',
    defines: ['CLOSE', 'KILL', 'JWT', 'OTHER_TREE', 'LATEST=1', 'CRASHES=1'],
  },
  {
    name: 'feed-agent-failover',
    shows: 'a verifier that never asks, after a kill of an agent; the master of either slot is lost',
    defines: ['KILL', 'OTHER_TREE', 'VERIFIER', 'LATEST=1', 'FAILOVERS=1', 'NO_INTERRUPTION'],
  },
  {
    name: 'agent-crashes',
    shows: 'as agent; both brokers crash, clocks differ by more',
    defines: ['KILL', 'JWT', 'OTHER_TREE', 'CRASHES=2', 'LATEST=3'],
  },
  {
    name: 'agent-external',
    shows: 'a kill of the agent against an external credential, and a sweeper that finishes the kill',
    defines: ['KILL', 'EXTERNAL', 'LATEST=1'],
  },
  {
    name: 'task-failover-crashes',
    shows: 'as task-failover; a broker crashes',
    defines: ['CLOSE', 'EXTERNAL', 'FAILOVERS=1', 'CRASHES=1'],
  },
  {
    name: 'feed-agent-clocks',
    shows: 'as feed-agent, where clocks differ and nothing crashes',
    defines: ['KILL', 'OTHER_TREE', 'VERIFIER'],
  },
];

const task = ['CLOSE', 'JWT', 'EXTERNAL', 'CRASHES=2'];
const agent = ['KILL', 'JWT', 'OTHER_TREE', 'CRASHES=1'];
const failover = ['CLOSE', 'EXTERNAL', 'FAILOVERS=1'];
const noReplicas = ['CLOSE', 'JWT', 'RENEWAL', 'NEWS', 'MIN_REPLICAS=0', 'FAILOVERS=1'];
const feed = ['CLOSE', 'JWT', 'VERIFIER'];

/**
 * @param {string} name
 * @param {readonly string[]} defines
 * @param {string} finds
 * @param {string} shows
 * @returns {Broken}
 */
const broken = (name, defines, finds, shows) => ({ name, shows, defines: [...defines, name], finds });

/** @type {readonly Broken[]} */
export const brokenProtocols = [
  broken('ISSUE_BY_MEMORY', task, 'closeAcked', 'the task is looked up before the script, not in it'),
  broken(
    'CLOSE_FORGETS_CHILDREN',
    task,
    'credential_outlived_its_task',
    'a close writes only the task that it names',
  ),
  broken('NO_RECHECK_ON_ACTIVATE', task, 'closeAcked', 'an activation looks at its lease alone'),
  broken('MINT_BEFORE_RESERVE', task, 'secret_without_lease', 'the secret comes before the lease'),
  broken(
    'SETTLE_BEFORE_MINT_DEADLINE',
    task,
    'secret_without_lease|revoked_but_alive',
    'a confirmed kill ends the lease while its mint may be under way',
  ),
  broken(
    'SETTLE_BY_TIME_OF_ANSWER',
    task,
    'secret_without_lease|revoked_but_alive',
    'a kill that began before the mint deadline counts, if its answer comes after it',
  ),
  broken('LOST_MINTS_STAY', task, 'lease_left_over', 'nobody looks for mints that nobody came back from'),
  broken('LOANS_FOR_EVER', task, 'lease_left_over', 'a kill stays with the sweeper that it was lent to'),
  broken(
    'NO_FENCE',
    agent,
    'credential_outlived_its_task',
    'a wide kill in one phase: its cut-off is the time of one slot',
  ),
  broken(
    'ACK_BEFORE_ALL_SLOTS',
    agent,
    'credential_outlived_its_task|later_lease_named',
    'a wide kill is acknowledged when the first slot has it',
  ),
  broken(
    'NO_TIME_BEYOND_CUTOFF',
    agent,
    'later_lease_named',
    'a selector does not push its slot beyond the cut-off',
  ),
  broken(
    'EACH_ITS_OWN_CUTOFF',
    agent,
    'later_lease_named',
    'a broker and the sweeper that finishes for it take a cut-off each',
  ),
  broken('NOBODY_FINISHES', agent, 'kill_left_over', 'an interrupted wide kill stays interrupted'),
  broken(
    'NO_WAIT',
    failover,
    'closeAcked|credential_outlived_its_task',
    'a close is acknowledged before a replica has it',
  ),
  broken(
    'RESERVE_WITHOUT_WAIT',
    ['EXTERNAL', 'FAILOVERS=1'],
    'secret_without_lease',
    'a mint begins before a replica has the reservation',
  ),
  broken(
    'NO_WRITE_BACK',
    noReplicas,
    'knowsClose|kill_forgotten',
    'brokers do not write back what a store has lost',
  ),
  broken(
    'POSITION_ONLY',
    noReplicas,
    'knowsClose|kill_forgotten',
    'a loss is noticed by the length of the log alone',
  ),
  broken(
    'VERIFIER_TRUSTS_LAST_BYTE',
    feed,
    'stale_feed_believed',
    'the age of a feed is that of its last byte',
  ),
  broken(
    'AS_OF_THE_LAST_SLOT',
    feed,
    'stale_feed_believed',
    'as_of is the time of the last slot that was re-read, not of the first',
  ),
];
