// The contract of every route that authenticates its caller. What has no entry here does not compile.
import { z } from 'zod';
import { auditQuery } from '../../wire/audit.js';
import { recoverQuery } from '../../wire/recovery.js';
import { revokeQuery } from '../../wire/revocations.js';
import type { RouteName } from '../access.js';
import * as example from './examples.js';
import { FEED_ROUTES } from './feed-routes.js';
import { LEASE_ROUTES } from './lease-routes.js';
import type { DocumentedRoute } from './route.js';
import { TASK_ROUTES } from './task-routes.js';

export const ROUTES: Readonly<Record<RouteName, DocumentedRoute>> = {
  introspect: {
    tag: 'Verification',
    summary: 'Ask whether a credential is alive',
    description:
      'RFC 7662. A verifier is told about credentials of its own tools; of all others, and of what is unknown, expired or revoked, it hears `{"active": false}`.',
    body: { schema: 'IntrospectionRequest', example: { token: 'eyJhbGciOiJFUzI1NiJ9…' } },
    answers: {
      200: { description: 'Alive or not.', schema: 'Introspection', example: example.liveIntrospection },
    },
  },
  revokeToken: {
    tag: 'Credentials',
    summary: 'Give back a credential by showing it',
    description: "RFC 7009. What is unknown, or not the caller's, is left alone, and answered alike.",
    body: { schema: 'RevocationRequest', example: { token: 'eyJhbGciOiJFUzI1NiJ9…' } },
    answers: { 200: { description: 'It is dead, if it was one of the caller.' } },
  },

  ...TASK_ROUTES,

  listTools: {
    tag: 'Credentials',
    summary: 'List the catalogue of tools',
    answers: { 200: { description: 'All of it.', schema: 'ToolList', example: { tools: [example.tool] } } },
  },

  ...LEASE_ROUTES,

  revoke: {
    tag: 'Operating',
    summary: 'Kill what a selector names',
    description:
      'Exactly one of `lease`, `task`, `agent`, `tool`, `trust`, `key` with a name, or `all`. Dead when this answers. No limit holds it back.',
    query: revokeQuery,
    body: { schema: 'NewRevocation', example: example.newRevocation },
    answers: {
      200: {
        description: 'A preview: nothing was killed.',
        schema: 'Revocation',
        example: example.killPreview,
      },
      202: { description: 'What it named is dead.', schema: 'Revocation', example: example.kill },
    },
  },
  recover: {
    tag: 'Operating',
    summary: 'End everything that a restored backup may have revived',
    description:
      'Kills all that was issued up to now, and closes every task that was opened up to now. Everything is dead with the first answer; while `done` is false, ask again with its `cutoff`.',
    query: recoverQuery,
    body: { schema: 'NewRecovery', example: example.newRecovery },
    answers: {
      200: {
        description: 'Done; or a preview.',
        schema: 'RecoveryAnswer',
        example: { ...example.recovery, done: true },
      },
      202: { description: 'Tasks are left to be closed.', schema: 'Recovery', example: example.recovery },
    },
  },
  reconcile: {
    tag: 'Operating',
    summary: 'Compare targets with what is on record, and kill what has no live lease',
    description:
      'Of one tool, or of all whose credentials can be listed at their targets; the body may be left out. Answers within half a minute: a target that does not is told as an `error`, and keeps no other waiting. No limit holds it back.',
    body: { schema: 'NewReconciliation', example: { tool: 'app-db' }, optional: true },
    answers: {
      200: {
        description: 'What was found, and what came of it.',
        schema: 'Reconciliation',
        example: {
          targets: [{ tool: 'app-db', listed: 12, orphans: 2, killed: 2, failed: 0, missing: 0, undone: 0 }],
        },
      },
    },
    refusals: ['target_unknown'],
  },
  ...FEED_ROUTES,
  listQuarantines: {
    tag: 'Operating',
    summary: 'List the agents that get nothing',
    answers: {
      200: {
        description: 'All of them.',
        schema: 'QuarantineList',
        example: { quarantines: [example.quarantine] },
      },
    },
  },
  liftQuarantine: {
    tag: 'Operating',
    summary: 'Lift a quarantine',
    path: {
      agent: {
        description: 'The agent, as it is: its slash may stand in the path.',
        schema: z.string().meta({ examples: [example.AGENT] }),
      },
    },
    answers: {
      200: {
        description: 'The quarantine that was lifted.',
        schema: 'Quarantine',
        example: example.quarantine,
      },
    },
    refusals: ['quarantine_unknown'],
  },

  reportToolCalls: {
    tag: 'Verification',
    summary: 'Put on record which calls were accepted, and which were refused',
    description:
      'By a verifier, for its own tools: where one of the calls is of another, all are refused. One event of the audit log for each. The same `batch` again within an hour is recorded once; one that failed may be on record in part, and is completed by sending it again as it was.',
    body: { schema: 'NewToolCalls', example: example.newToolCalls },
    answers: {
      202: { description: 'All are on record.', schema: 'ToolCalls', example: { recorded: 2 } },
    },
    refusals: ['target_unknown'],
  },
  readAudit: {
    tag: 'Operating',
    summary: 'Search the audit log, newest first',
    query: auditQuery,
    answers: {
      200: { description: 'A page.', schema: 'AuditList', example: { events: [example.refusedEvent] } },
    },
  },
  readMetrics: {
    tag: 'Operating',
    summary: 'What is counted, for Prometheus',
    description: 'Where metrics have a listener of their own, it stands there without a token.',
    answers: {
      200: {
        description: 'Every metric.',
        schema: 'Metrics',
        type: 'text/plain; version=0.0.4; charset=utf-8',
      },
    },
  },
};
