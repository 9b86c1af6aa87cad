// The form of a file of cases: what is asked, in which circumstances, and what policies are to say to it.
import { isIP } from 'node:net';
import { z } from 'zod';
import { toolName } from '../../config/tool-schema.js';
import { duration, listOf, text } from '../../config/values.js';
import { isTaskId } from '../../domain/ids.js';
import { MOST_REFUSALS } from '../../domain/tree-context.js';
import { ACTIONS } from '../../policy/cedar/actions.js';

const LONGEST = '30d';
const EFFECTS = ['permit', 'deny', 'approval'] as const;

const taskId = z
  .string()
  .refine(isTaskId, 'must be 1 to 8 segments of letters, digits, _ and -, joined by dots');
const labels = z.record(z.string(), z.string());

const time = z
  .string()
  .refine(
    (written) =>
      /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(written) &&
      !Number.isNaN(Date.parse(written)),
    'must be a time with its zone, such as 2026-03-01T18:00:00Z',
  );

const taskFacts = {
  purpose: z.string().exactOptional(),
  orchestrator: text().exactOptional(),
  age: duration('0s', LONGEST).exactOptional(),
};

const members = {
  action: z.enum(ACTIONS).exactOptional(),
  principal: z
    .strictObject({
      trust: text().exactOptional(),
      subject: text().exactOptional(),
      claims: z.record(z.string(), z.unknown()).exactOptional(),
    })
    .exactOptional(),
  tool: toolName.exactOptional(),
  actions: listOf(text()).exactOptional(),
  resources: listOf(text()).exactOptional(),
  tools: listOf(
    z.strictObject({
      tool: toolName.describe('a tool of the catalogue'),
      actions: listOf(text()).describe('what may be done with it, such as [read]'),
      resources: listOf(text()).exactOptional(),
    }),
  ).exactOptional(),
  ttl: duration('1s', LONGEST).exactOptional(),
  labels: labels.exactOptional(),
  task: z
    .strictObject({
      id: taskId.exactOptional(),
      ...taskFacts,
      above: z
        .array(
          z.strictObject({
            id: taskId.describe('the id of a task above'),
            ...taskFacts,
            labels: labels.exactOptional(),
          }),
        )
        .exactOptional(),
    })
    .exactOptional(),
  held: z.array(toolName).exactOptional(),
  signals: z.array(text()).exactOptional(),
  refusals: z.int().min(0).max(MOST_REFUSALS).exactOptional(),
  address: z
    .string()
    .refine((written) => isIP(written) !== 0, 'must be an address such as 10.0.0.7')
    .exactOptional(),
  time: time.exactOptional(),
  expect: z.enum(EFFECTS).exactOptional(),
  because: z.array(text()).exactOptional(),
  obligations: z
    .strictObject({
      max_ttl: duration('1s', LONGEST).exactOptional(),
      require_dpop: z.boolean().exactOptional(),
      single_use: z.boolean().exactOptional(),
    })
    .exactOptional(),
  told: z.string().exactOptional(),
};

export const caseFileSchema = z.strictObject({
  defaults: z.strictObject(members).exactOptional(),
  cases: z
    .array(z.strictObject({ name: text().describe('what the case is called'), ...members }))
    .describe('the cases, each with a name and what is expected'),
});

export type WrittenCase = z.output<typeof caseFileSchema>['cases'][number];
