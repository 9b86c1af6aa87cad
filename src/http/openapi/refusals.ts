// What a route may refuse, as answers: from the reasons, by the same table that answers them.
import type { RefusalReason } from '../../domain/refusal.js';
import { Refusal } from '../../domain/refusal.js';
import type { Access, Dialect } from '../access.js';
import { dialectOf } from '../access.js';
import type { Answer } from '../answer.js';
import { callerAnswer, refusalAnswer } from '../errors.js';
import type { HeaderName } from './route.js';
import { HEADERS } from './route.js';

/** Of a caller: one reason for each thing that is said. */
const CALLER: readonly RefusalReason[] = [
  'token_missing',
  'signature_invalid',
  'proof_missing',
  'proof_malformed',
  'proof_key_mismatch',
  'proof_nonce_missing',
  'role_missing',
];
const ALWAYS: readonly RefusalReason[] = ['store_unavailable'];
const BODY: Readonly<Record<Access['body'], readonly RefusalReason[]>> = {
  // A query that says what nobody understands.
  none: ['request_malformed'],
  json: ['request_malformed', 'body_not_readable', 'body_too_large', 'media_type_unsupported'],
  form: ['request_malformed', 'body_not_readable', 'body_too_large', 'media_type_unsupported'],
};

/** Each thing that may be said, and the headers that come with it. */
export interface DocumentedRefusals {
  readonly said: readonly { readonly code: string; readonly say: string }[];
  readonly headers: readonly HeaderName[];
  readonly example: object;
}

/** Beside what it refuses for reasons of its own. A limit holds back everything but a kill. */
export function refusalsOf(
  { body, kills, speaks }: Pick<Access, 'body' | 'kills' | 'speaks'>,
  own: readonly RefusalReason[],
): Map<number, DocumentedRefusals> {
  const limits: readonly RefusalReason[] = kills ? [] : ['rate_limited'];
  const dialect = dialectOf({ body, ...(speaks && { speaks }) });
  const asCaller = (refusal: Refusal): Answer =>
    (dialect === 'oauth' ? callerAnswer(refusal) : undefined) ?? answerTo(refusal, dialect);
  return grouped([
    ...CALLER.map((reason) => asCaller(new Refusal(reason))),
    ...[...BODY[body], ...own, ...limits, ...ALWAYS].map((reason) => answerTo(new Refusal(reason), dialect)),
  ]);
}

/** Of the token endpoint, where the caller is a parameter. */
export const exchangeRefusals = (own: readonly RefusalReason[]): Map<number, DocumentedRefusals> =>
  grouped(
    [...CALLER, ...BODY.form, ...own, 'rate_limited' as const, ...ALWAYS]
      .filter((reason) => reason !== 'token_missing')
      .map((reason) => answerTo(new Refusal(reason), 'oauth')),
  );

/** Of the examples: what differs each time is no part of what is said. */
const REQUEST_ID = 'req_01m80y37m8yhqd9tje6jc3';

const answerTo = (refusal: Refusal, dialect: Dialect): Answer => refusalAnswer(refusal, REQUEST_ID, dialect);

function grouped(answers: readonly Answer[]): Map<number, DocumentedRefusals> {
  const byStatus = new Map<number, Answer[]>();
  for (const answer of answers) byStatus.set(answer.status, [...(byStatus.get(answer.status) ?? []), answer]);
  return new Map([...byStatus].sort(([a], [b]) => a - b).map(([status, same]) => [status, documented(same)]));
}

function documented(answers: readonly Answer[]): DocumentedRefusals {
  const said = new Map(
    answers.map(({ body }) => [JSON.stringify(saidIn(body as Said)), saidIn(body as Said)]),
  );
  const sent = new Set(answers.flatMap(({ headers = {} }) => Object.keys(headers)));
  return {
    said: [...said.values()],
    headers: (Object.keys(HEADERS) as HeaderName[]).filter((name) => sent.has(name.toLowerCase())),
    example: answers[0]!.body as object,
  };
}

interface Said {
  readonly type?: string;
  readonly title?: string;
  readonly error?: string;
  readonly error_description?: string;
  readonly Code?: string;
  readonly Message?: string;
}

const saidIn = ({
  type,
  title,
  error,
  error_description: described,
  Code: awsCode,
  Message: awsMessage,
}: Said): { code: string; say: string } => ({
  code: awsCode ?? error ?? type?.replace('urn:mayfly:problem:', '') ?? '',
  say: awsMessage?.replace(` (${REQUEST_ID})`, '') ?? described ?? title ?? '',
});
