// One entry of the tool catalogue, as the file writes it.
import { z } from 'zod';
import { showDuration } from '../domain/duration.js';
import { MAX_TTL_MS, PLANES, SENSITIVITIES } from '../domain/tool.js';
import { credentialSchema } from './credential/schema.js';
import { duration, listOf, resourceUri } from './values.js';

/** RFC 6749 §3.3: what may stand in `scope` between two spaces. */
const action = z
  .string()
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/,
    'must be 1 to 64 visible ASCII characters without space, " and \\',
  );

export const toolName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, dots, - and _, and begin with a letter or a digit',
  );

export const toolShape = {
  plane: z.enum(PLANES).describe('what the tool opens: tool, data or cloud'),
  audience: resourceUri.describe(
    "the URI that the tool's credentials are for, such as https://crm.example; one per tool",
  ),
  actions: listOf(action, 'must name at least one action').describe(
    'what can be done with the tool, such as [read, write]',
  ),
  sensitivity: z.enum(SENSITIVITIES).prefault('internal').describe('how much harm a leak would do'),
  max_ttl: duration('1s', showDuration(MAX_TTL_MS))
    .prefault('5m')
    .describe("the longest that one of the tool's credentials may live"),
  renewable: z.boolean().prefault(false).describe('whether a live credential may be renewed'),
  require_dpop: z
    .boolean()
    .prefault(false)
    .describe('whether a credential is given out only with a proof of a key, and bound to it (RFC 9449)'),
  credential: credentialSchema.describe('how the credential is made, such as { kind: jwt }'),
};

export const toolSchema = z.strictObject(toolShape);
