// Whether two URIs are one.

/** Whether or not somebody put the slash of an empty path. */
export const sameUri = (one: string, other: string | undefined): boolean =>
  other !== undefined &&
  URL.canParse(one) &&
  new URL(one).href.replace(/\/$/, '') === new URL(other).href.replace(/\/$/, '');
