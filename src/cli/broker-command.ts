// What every command that talks to a broker has in common: which broker, as whom, and for a person or a program.
import type { Command } from 'commander';
import { Connection } from './connection.js';
import { keyFrom } from './key-file.js';
import { plain, plainJson } from './plain.js';
import type { Shell } from './shell.js';
import { tokenSource } from './workload-token.js';

export const DEFAULT_URL = 'http://127.0.0.1:8420';

export interface BrokerOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly dpopKey?: string;
  readonly json?: true;
  readonly dangerouslyPlainHttp?: true;
}

export const brokerCommand = (parent: Command, nameAndArguments: string, summary: string): Command =>
  parent
    .command(nameAndArguments)
    .description(summary)
    .option('--url <url>', `the broker; MAYFLY_URL, or ${DEFAULT_URL}`)
    .option('--token-file <file>', 'your workload token; MAYFLY_TOKEN_FILE, or the value of MAYFLY_TOKEN')
    .option('--dpop-key <file>', 'the key that credentials are bound to; MAYFLY_DPOP_KEY_FILE')
    .option('--json', 'for programs: JSON, errors too')
    .option('--dangerously-plain-http', 'send tokens over http to another machine');

export const connect = (options: BrokerOptions, { environment }: Shell): Connection => {
  const { traceparent } = environment;
  const keyFile = options.dpopKey ?? environment.dpopKeyFile;
  return new Connection({
    url: options.url ?? environment.url ?? DEFAULT_URL,
    token: tokenSource(options.tokenFile, environment),
    ...(keyFile !== undefined && { dpop: keyFrom(keyFile) }),
    ...(options.dangerouslyPlainHttp && { dangerouslyPlainHttp: true }),
    ...(traceparent !== undefined && { traceparent: () => traceparent }),
  });
};

/** The answer, as asked for: the broker's document, or as `render` words it for a person. */
export function show<Body>(
  shell: Shell,
  { json }: { readonly json?: true },
  body: Body,
  render: (body: Body) => string,
): void {
  shell.out(json ? jsonText(body) : render(body));
}

/** One document on one line, harmless to a terminal. */
export const jsonText = (document: unknown): string => plainJson(JSON.stringify(document));

export interface ListOptions extends BrokerOptions {
  readonly limit?: number;
  readonly all?: true;
}

interface Listing<Page extends object, Item> {
  readonly page: () => Promise<Page>;
  readonly items: (page: Page) => readonly Item[];
  /** All pages, one item after the other; absent where there is one page only. */
  readonly each?: () => AsyncIterable<Item>;
  /** The option that takes what a page calls `next`. */
  readonly nextOption?: string;
  readonly none: string;
  readonly render: (items: readonly Item[]) => string;
}

/**
 * One page of a listing, or with `--all` every item. That nothing is there, and that there is more, is said beside it.
 * For programs: one page is one document; all items are one document a line, as they come.
 */
export async function showList<Page extends object, Item>(
  shell: Shell,
  { json, all }: ListOptions,
  { page, items, each, nextOption = '--after', none, render }: Listing<Page, Item>,
): Promise<void> {
  if (all && each) {
    const listed: Item[] = [];
    for await (const item of each()) {
      if (json) shell.out(jsonText(item));
      else listed.push(item);
    }
    if (!json) sayListed(shell, listed, none, render);
    return;
  }
  const read = await page();
  if (json) {
    shell.out(jsonText(read));
    return;
  }
  sayListed(shell, items(read), none, render);
  if ('next' in read) shell.err(`there are more: ${nextOption} ${plain(String(read.next))}, or --all`);
}

function sayListed<Item>(
  shell: Shell,
  items: readonly Item[],
  none: string,
  render: (items: readonly Item[]) => string,
): void {
  if (items.length === 0) shell.err(none);
  else shell.out(render(items));
}
