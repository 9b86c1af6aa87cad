// What the doctor found: one thing that was looked at, how it is, and what to do.

export type Level = 'ok' | 'caution' | 'broken';

export interface Finding {
  /** What was looked at, the same from one version to the next: `store.memory`, `issuer.cluster`. */
  readonly check: string;
  readonly level: Level;
  /** One line. */
  readonly found: string;
  /** One line; there where it is not ok. */
  readonly todo?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, level: 'ok', found });

export const caution = (check: string, found: string, todo: string): Finding => ({
  check,
  level: 'caution',
  found,
  todo,
});

export const broken = (check: string, found: string, todo: string): Finding => ({
  check,
  level: 'broken',
  found,
  todo,
});
