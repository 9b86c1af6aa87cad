// Times as people read them: the moment itself, and how far it is from now.
import { showDuration } from '../domain/duration.js';

/** `2026-03-01 09:30:00Z (in 4m 30s)`. `now` is the broker's, so that a clock that is off here misleads nobody. */
export function when(wireTime: string, now: number): string {
  const at = Date.parse(wireTime);
  return Number.isNaN(at) ? wireTime : `${moment(at)} (${distance(at, now)})`;
}

/** `2026-03-01 09:30:00Z` */
const moment = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;

function distance(at: number, now: number): string {
  const apartMs = Math.abs(at - now);
  if (apartMs < 1000) return 'now';
  return at > now ? `in ${showDuration(apartMs)}` : `${showDuration(apartMs)} ago`;
}
