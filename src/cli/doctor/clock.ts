// How far another clock is from ours, and what that does.
import { SECOND_MS, showDuration } from '../../domain/duration.js';
import { type Finding, broken, caution, ok } from './finding.js';

/** A `Date` header has whole seconds, and the way back takes time. */
const UNSURE_MS = 2 * SECOND_MS;
const NOTICEABLE_MS = 5 * SECOND_MS;

const SET_CLOCKS =
  'Set both clocks by NTP (timedatectl, chronyc tracking); which of the two is off, a third one tells.';

/** @param mostMs from where on it does harm, which is `harm` */
export function clockFinding(
  check: string,
  whose: string,
  aheadMs: number,
  { mostMs, harm }: { readonly mostMs: number; readonly harm: string },
): Finding {
  const apartMs = Math.abs(aheadMs);
  if (apartMs <= UNSURE_MS) return ok(check, `${whose} agrees with this machine's`);
  const off = `${whose} is ${showDuration(apartMs)} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  if (apartMs > mostMs) return broken(check, `${off}: ${harm}`, SET_CLOCKS);
  return apartMs > NOTICEABLE_MS ? caution(check, off, SET_CLOCKS) : ok(check, off);
}
