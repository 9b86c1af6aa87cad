// POST /token: RFC 8693 token exchange. A plain function in front of the app: it is the path that agents wait for.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditEntry } from '../audit/entry.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../domain/grant.js';
import { isTaskId } from '../domain/ids.js';
import { sha256 } from '../domain/digest.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { CredentialAsked } from '../issuance/issue-credential.js';
import { issueCredential } from '../issuance/issue-credential.js';
import { parseStrictObject } from '../jws/strict-json.js';
import { authorizationDetails } from '../wire/authorization-details.js';
import type { TokenParameters } from '../wire/token.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../wire/token.js';
import type { Answer } from './answer.js';
import { ok, send } from './answer.js';
import { arrivalOf } from './arrival.js';
import type { Edge } from './call.js';
import { newEntry, settle } from './call.js';
import { credentialAsked } from './credential-asked.js';
import { readForm } from './form.js';
import { heldBack, overRate } from './limited.js';
import { flawsOf } from './parse.js';
import { bringsProof, prove, readProof, withNonce } from './proof.js';
import { tokenResponse } from './views.js';

const ACCEPTED_TYPES: readonly string[] = Object.values(TOKEN_TYPE);
const MINTED_TYPES: readonly string[] = [TOKEN_TYPE.accessToken, TOKEN_TYPE.jwt];

export async function answerExchange(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const entry = newEntry('token.exchange', arrivalOf(request, edge.proxies));
    let nonce: string | undefined;
    const give = (next: string): void => void (nonce = next);
    const exchange = { entry, dialect: 'oauth', route: 'POST /token' } as const;
    const answer = await settle(edge, exchange, () => exchangeToken(edge, request, entry, give));
    send(response, withNonce(answer, nonce), entry.requestId, edge.securityHeaders);
  } catch (error) {
    edge.log.error({ err: error }, 'an answer could not be written');
    response.destroy();
  }
}

/** `give`: takes the nonce that the answer is to bring, whatever becomes of the request. */
async function exchangeToken(
  edge: Edge,
  request: IncomingMessage,
  entry: AuditEntry,
  give: (nonce: string) => void,
): Promise<Answer | Refusal> {
  if (edge.draining()) return new Refusal('shutting_down');
  const parameters = await readForm(request, edge.bodyLimitBytes);
  if (parameters instanceof Refusal) return parameters;
  const unsupported = unsupportedParameter(parameters);
  if (unsupported) return unsupported;

  const token = parameters.get('subject_token')!;
  const refused = heldBack(edge, entry, token);
  if (refused) return refused;
  // Before the token is looked at: a nonce that is missing must not cost a one-time token.
  const reading = bringsProof(request) ? readProof(edge, request) : undefined;
  if (reading?.nonce !== undefined) give(reading.nonce);
  if (reading?.proof instanceof Refusal) return reading.proof;
  const authenticated = edge.authenticate(token, entry.trace);
  const principal = authenticated instanceof Promise ? await authenticated : authenticated;
  if (principal instanceof Refusal) {
    entry.learn({ token: sha256(token) });
    return principal;
  }
  entry.facts.principal = principal.name;
  entry.learn({ token: principal.tokenDigest });
  // Before anything is counted by its name: whoever has no role here may bear somebody else's.
  if (!hasRole(principal, 'agent')) return new Refusal('role_missing', `${principal.name} is no agent`);
  const over = overRate(edge, principal);
  if (over) return over;

  const asked = askedFor(parameters);
  if (asked instanceof Refusal) return asked;
  const bound = reading !== undefined || principal.confirmedKey !== undefined;
  const provenKey = bound ? await prove(edge, reading, principal) : undefined;
  if (provenKey instanceof Refusal) return provenKey;
  if (provenKey !== undefined) entry.learn({ proof: provenKey });
  entry.facts.taskId = asked.taskId;
  const issued = await issueCredential(
    edge.broker,
    principal,
    provenKey === undefined ? asked : { ...asked, provenKey },
    entry,
  );
  return issued instanceof Refusal ? issued : ok(tokenResponse(issued, issued.lease.issuedAt));
}

function unsupportedParameter(given: TokenParameters): Refusal | undefined {
  const grantType = given.get('grant_type');
  if (grantType === undefined) return malformed('grant_type is required.');
  if (grantType !== TOKEN_EXCHANGE)
    return new Refusal('grant_type_unsupported', `Use grant_type=${TOKEN_EXCHANGE}.`);
  if (given.get('subject_token') === undefined) return malformed('subject_token is required.');
  const subjectType = given.get('subject_token_type');
  if (subjectType === undefined) return malformed('subject_token_type is required.');
  if (!ACCEPTED_TYPES.includes(subjectType)) {
    return malformed(`subject_token_type must be one of ${ACCEPTED_TYPES.join(', ')}.`);
  }
  const actorToken = given.get('actor_token');
  if ((actorToken === undefined) !== (given.get('actor_token_type') === undefined)) {
    return malformed('actor_token and actor_token_type go together.');
  }
  if (actorToken !== undefined) return malformed('actor_token is not supported.');
  const requestedType = given.get('requested_token_type');
  if (requestedType !== undefined && !MINTED_TYPES.includes(requestedType)) {
    return new Refusal(
      'token_kind_unsupported',
      `requested_token_type must be one of ${MINTED_TYPES.join(', ')}.`,
    );
  }
  return undefined;
}

function askedFor(given: TokenParameters): CredentialAsked | Refusal {
  const taskId = given.get('task_id');
  const audience = given.get('audience');
  const resource = given.get('resource');
  const scope = given.get('scope');
  const expiry = given.get('requested_expiry');
  if (taskId === undefined) return malformed('task_id is required.');
  if (!isTaskId(taskId)) return malformed('task_id is not a task id.');
  if (expiry !== undefined && !/^[1-9]\d{0,8}$/.test(expiry)) {
    return malformed('requested_expiry must be a whole number of seconds.');
  }
  const writtenDetails = given.get('authorization_details');
  const details = writtenDetails === undefined ? undefined : readDetails(writtenDetails);
  if (details instanceof Refusal) return details;
  const seconds = expiry === undefined ? undefined : Number(expiry);
  return credentialAsked(taskId, { audience, resource, scope, details, expiry: seconds });
}

/** RFC 9396 §2 and §5: an unknown type or field is refused, not passed over. */
function readDetails(text: string): NonNullable<CredentialAsked['details']> | Refusal {
  // Read as the one member of an object: an object is what can be read strictly, with no member twice.
  const wrapped = parseStrictObject(Buffer.from(`{"details":${text}}`));
  if (!wrapped || Object.keys(wrapped).length !== 1) {
    return new Refusal('details_malformed', 'It must be a JSON array, with no member twice.');
  }
  const read = authorizationDetails.safeParse(wrapped['details']);
  if (read.success) return read.data;
  const [flaw] = flawsOf(read.error);
  return new Refusal(
    'details_malformed',
    `${flaw?.at ?? ''} ${flaw?.message ?? ''} (type ${AUTHORIZATION_DETAIL_TYPE})`,
  );
}

const malformed = (detail: string): Refusal => new Refusal('request_malformed', detail);
