// The OAuth forms (RFC 8693 §2.1, RFC 7662 §2.1, RFC 7009 §2.1), as they are documented. A form is text: it is read
// member by member where it comes in, with the errors that OAuth wants for each.
import { z } from 'zod';
import { taskId } from './common.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from './token.js';
import type { TOKEN_PARAMETERS } from './token.js';

type Documented = (typeof TOKEN_PARAMETERS)[number];

const subjectTypes = z.enum([TOKEN_TYPE.accessToken, TOKEN_TYPE.idToken, TOKEN_TYPE.jwt]);

export const exchangeForm = z
  .object({
    grant_type: z.literal(TOKEN_EXCHANGE),
    subject_token: z.string().min(1).describe("The agent's workload token: it is the proof of who asks."),
    subject_token_type: subjectTypes,
    actor_token: z.string().optional().describe('Not supported: refused where it stands.'),
    actor_token_type: z.string().optional().describe('Not supported.'),
    task_id: taskId.describe('The task that the credential is for, and dies with.'),
    audience: z.string().optional().describe("The tool's name. Or use `resource`."),
    resource: z.string().optional().describe("The tool's audience URI (RFC 8707)."),
    scope: z
      .string()
      .optional()
      .describe('The actions wanted, with spaces between. Absent: all that the manifest has.'),
    authorization_details: z
      .string()
      .optional()
      .describe(
        'The resources wanted (RFC 9396): a JSON array of `{"type": "mayfly_tool", "actions": […], "resources": […]}`. Absent: all that the manifest has.',
      ),
    requested_token_type: z.enum([TOKEN_TYPE.accessToken, TOKEN_TYPE.jwt]).optional(),
    requested_expiry: z
      .string()
      .regex(/^[1-9]\d{0,8}$/)
      .optional()
      .describe('Seconds. The answer may be less, never more.'),
  } satisfies Record<Documented, z.ZodType>)
  .describe('A token exchange (RFC 8693). Name one tool, by `audience` or `resource`.');

const shownToken = {
  token: z.string().min(1).describe('A credential that this broker issued.'),
  token_type_hint: z.string().optional().describe('Ignored: there is but one kind.'),
};

export const introspectForm = z.object(shownToken);
export const revokeForm = z.object(shownToken);
