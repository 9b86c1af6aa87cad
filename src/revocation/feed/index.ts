// The feed, as those outside of it use it.
export { Feed } from './feed.js';
export type { FeedReader } from './feed.js';
export { endEvent } from './message.js';
export type { EndReason } from './message.js';
