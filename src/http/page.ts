// Pages of a listing, and optional members as the domain wants them: absent, never undefined.

/** An object without its undefined members. */
export type Present<T> = { [Name in keyof T]: Exclude<T[Name], undefined> };

export const present = <T extends object>(members: T): Present<T> =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined)) as Present<T>;

/** A full page names the last of its ids as `next`. */
export function page<Name extends string, View extends { readonly id: string }>(
  name: Name,
  views: readonly View[],
  limit: number,
): object {
  const last = views.at(-1);
  return { [name]: views, ...(last && views.length === limit && { next: last.id }) };
}
