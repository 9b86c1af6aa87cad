// Lists that come in pages, as one sequence.

/** Asks for the next page only when the one before it is used up. */
export async function* eachOf<Page extends { readonly next?: Mark }, Item, Mark extends string | number>(
  read: (mark?: Mark) => Promise<Page>,
  items: (page: Page) => readonly Item[],
): AsyncGenerator<Item, void, undefined> {
  let mark: Mark | undefined;
  do {
    const page: Page = await read(mark);
    yield* items(page);
    mark = page.next;
  } while (mark !== undefined);
}
