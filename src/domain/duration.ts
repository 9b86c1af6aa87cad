// Durations as people write them: `30s`, `5m`, `12h`, `30d`; and as we show them.
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const UNIT_MS: Record<string, number> = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

export const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Milliseconds, or undefined where the text is no duration. A bare number has no unit and is refused. */
export function parseDuration(text: string): number | undefined {
  const parts = DURATION.exec(text);
  return parts ? Number(parts[1]) * UNIT_MS[parts[2]!]! : undefined;
}

/** The two largest units that are not zero: `1h 30m`, `45s`, `120ms`. */
export function showDuration(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.round(ms))}ms`;
  const shown: string[] = [];
  let rest = Math.round(ms / SECOND_MS) * SECOND_MS;
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = Math.floor(rest / UNIT_MS[unit]!);
    rest -= count * UNIT_MS[unit]!;
    if (count > 0) shown.push(`${count}${unit}`);
    else if (shown.length > 0) break;
  }
  return shown.slice(0, 2).join(' ');
}
