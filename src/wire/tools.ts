// The catalogue on the wire: what the caller may ask for.
import { z } from 'zod';

export const toolView = z
  .object({
    name: z.string().describe('Asked for as `audience`.'),
    plane: z.string().describe('What it opens: `tool`, `data` or `cloud`.'),
    audience: z.string().describe('The URI that its credentials are for; may be asked for as `resource`.'),
    actions: z.array(z.string()).readonly(),
    sensitivity: z.string().describe('How bad it were if what it opens got out, as `confidential`.'),
    max_ttl_seconds: z.number().describe('No credential of this tool lives longer.'),
    renewable: z.boolean().describe('Whether its leases can be renewed.'),
    require_dpop: z
      .boolean()
      .describe('Whether its credentials are given out with a proof of a key only, and bound to it.'),
    kind: z.string().describe('The kind of credential, as `jwt`.'),
  })
  .describe('A tool of the catalogue.');
export type ToolView = z.infer<typeof toolView>;

export const toolList = z.object({ tools: z.array(toolView) });
