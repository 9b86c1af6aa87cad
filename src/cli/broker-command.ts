// What every command that talks to a broker has in common: which broker, as whom, and for a person or a program.
import type { Command } from 'commander';
import type { Answer } from './connection.js';
import { Connection } from './connection.js';
import { usage } from './failure.js';
import { plain, plainJson } from './plain.js';
import type { Shell } from './shell.js';
import { tokenSource } from './workload-token.js';

export const DEFAULT_URL = 'http://127.0.0.1:8420';

export interface BrokerOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly json?: true;
  readonly dangerouslyPlainHttp?: true;
}

export const brokerCommand = (parent: Command, nameAndArguments: string, summary: string): Command =>
  parent
    .command(nameAndArguments)
    .description(summary)
    .option('--url <url>', `the broker; MAYFLY_URL, or ${DEFAULT_URL}`)
    .option('--token-file <file>', 'your workload token; MAYFLY_TOKEN_FILE, or the value of MAYFLY_TOKEN')
    .option('--json', "the broker's answer as it came, for programs")
    .option('--dangerously-plain-http', 'send tokens over http to another machine');

export const connect = (options: BrokerOptions, shell: Shell): Connection =>
  new Connection(brokerUrl(options, shell), tokenSource(options.tokenFile, shell.environment), shell.called);

/** Without a slash at the end. Over http, tokens go nowhere but to this machine. */
function brokerUrl(options: BrokerOptions, { environment }: Shell): string {
  const written = options.url ?? environment.url ?? DEFAULT_URL;
  if (!/^https?:\/\//i.test(written) || !URL.canParse(written)) {
    throw usage(`${written} is no http or https URL`);
  }
  const url = new URL(written);
  if (url.username !== '' || url.search !== '' || url.hash !== '') {
    throw usage('the URL of the broker has neither user, query nor fragment');
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !options.dangerouslyPlainHttp) {
    throw usage(`${written} would carry your token unprotected: use https, or say --dangerously-plain-http`);
  }
  return url.href.replace(/\/+$/, '');
}

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);

/** The answer, as asked for: as it came, or as `render` words it for a person. */
export function show<Body>(
  shell: Shell,
  options: BrokerOptions,
  { body, text, at }: Answer<Body>,
  render: (body: Body, now: number) => string,
): void {
  shell.out(options.json ? plainJson(text) : render(body, at));
}

/** The same for one page of a listing: that nothing is there, and that there is more, is said beside it. */
export function showList<Body extends object, Item>(
  shell: Shell,
  options: BrokerOptions,
  { body, text, at }: Answer<Body>,
  {
    items,
    none,
    render,
  }: {
    items: (body: Body) => readonly Item[];
    none: string;
    render: (items: readonly Item[], now: number) => string;
  },
): void {
  if (options.json) {
    shell.out(plainJson(text));
    return;
  }
  const listed = items(body);
  if (listed.length === 0) shell.err(none);
  else shell.out(render(listed, at));
  if ('next' in body) shell.err(`there are more: --after ${plain(String(body.next))}`);
}
