// `mayfly task receipt`: the signed statement of how a task ended, checked before it is shown; or one that was kept.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Survivor } from '../../domain/lease.js';
import { verifyReceipt } from '../../sdk/verifier/receipt.js';
import type { ReceiptClaims } from '../../wire/receipt.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import { EXIT, Failure, usage } from '../failure.js';
import type { Shell } from '../shell.js';
import { facts, table } from '../table.js';
import { when } from '../time.js';

interface ReceiptOptions extends BrokerOptions {
  readonly raw?: true;
  readonly verify?: string;
}

export function addTaskReceipt(task: Command, shell: Shell): void {
  brokerCommand(task, 'receipt [id]', 'how a task ended, and every credential of it, signed by the broker')
    .option('--raw', 'the signed text itself, to be kept')
    .option('--verify <file>', 'check one that was kept, instead of asking for one; - for standard input')
    .action(async (id: string | undefined, options: ReceiptOptions) => {
      const { verify, raw } = options;
      if ((id === undefined) === (verify === undefined))
        throw usage('name a task, or with --verify a file that a receipt is kept in');
      const connection = connect(options, shell);
      const { client } = connection;
      const text = verify === undefined ? await client.readReceipt(id!) : await kept(verify, shell);
      const [{ issuer }, keys] = await Promise.all([client.metadata(), client.receiptJwks()]);
      const receipt = verifyReceipt(text, { issuer, keys, ...(id !== undefined && { task: id }) });
      if (!receipt) {
        const whose = verify === undefined ? 'what the broker sent' : `what is kept in ${verify}`;
        throw new Failure(EXIT.refused, `${whose} is no receipt that ${issuer} has signed`);
      }
      if (raw) shell.out(text);
      else show(shell, options, receipt, (found) => receiptText(found, connection.now()));
    });
}

async function kept(file: string, shell: Pick<Shell, 'input'>): Promise<string> {
  if (file === '-') return (await shell.input()).trim();
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw usage(`cannot read ${file}: ${(error as Error).message}`);
  }
}

/** As a person reads it. */
export function receiptText(receipt: ReceiptClaims, now: number): string {
  const { task, counts, credentials, left_out: leftOut } = receipt;
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  const ended = facts([
    ['task', receipt.sub],
    ['parent', task.parent],
    ['outcome', task.outcome],
    // Others wrote it, so it stands in quotes.
    ['reason', task.reason === undefined ? undefined : JSON.stringify(task.reason)],
    ['orchestrator', task.orchestrator],
    ['opened', when(task.opened_at, now)],
    ['closed', `${when(task.closed_at, now)} by ${task.closed_by}`],
    ['settled', when(task.settled_at, now)],
    [
      'credentials',
      some.length === 0 ? 'none' : some.map(([state, count]) => `${count} ${state}`).join(', '),
    ],
    ['not listed', leftOut === 0 ? undefined : String(leftOut)],
    ['signed', `by ${receipt.iss}, ${when(new Date(receipt.iat * 1000).toISOString(), now)}`],
  ]);
  if (credentials.length === 0) return ended;
  const accepts = credentials.some(({ accepted_at: at }) => at !== undefined);
  const rows = credentials.map((one) => [
    one.lease_id,
    one.tool,
    one.kind,
    one.revocation ?? '',
    one.cause === undefined ? one.state : `${one.state}, ${one.cause}`,
    timeOf(one.requested_at),
    ...(accepts ? [timeOf(one.accepted_at)] : []),
    one.confirmed_at === undefined
      ? one.forced
        ? `forced by ${one.forced.by}`
        : 'never'
      : timeOf(one.confirmed_at),
  ]);
  const times = ['requested', ...(accepts ? ['accepted'] : []), 'confirmed'];
  const listed = `${ended}\n\n${table(['lease', 'tool', 'kind', 'class', 'end', ...times], rows)}`;
  const survivors = survivorsIn(credentials);
  return survivors.length === 0 ? listed : `${listed}\n\n${survivors.join('\n')}`;
}

/** What a reader must not take for dead, by kind of credential. */
function survivorsIn(credentials: ReceiptClaims['credentials']): string[] {
  const byKind = new Map(credentials.flatMap(({ kind, survives }) => (survives ? [[kind, survives]] : [])));
  return [...byKind].map(
    ([kind, survives]) =>
      `not ended with ${kind}: ${survives.map((name) => SURVIVOR_TEXTS[name]).join('; ')}`,
  );
}

const SURVIVOR_TEXTS = {
  caller_identity: 'proofs of who it was (sts:GetCallerIdentity answers in spite of a Deny)',
  begun_work: 'what it had set going',
  service_tokens: 'tokens that services gave it and do not check again',
  written_data: 'what it had written',
} satisfies Record<Survivor, string>;

/** With its milliseconds, which are the point of it. */
const timeOf = (wireTime: string | undefined): string => wireTime?.replace('T', ' ') ?? '';
