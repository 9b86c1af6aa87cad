// The audit log on the wire.
import { z } from 'zod';
import { pageSize } from './common.js';

export const auditQuery = z.strictObject({
  task: z.string().max(1024).optional(),
  agent: z.string().max(2048).optional(),
  lease: z.string().max(64).optional(),
  request: z.string().max(64).optional(),
  after: z.coerce.number().int().nonnegative().optional(),
  before: z.coerce.number().int().positive().optional(),
  limit: pageSize,
});

export interface AuditList {
  /** Newest first. */
  events: AuditEventView[];
  /** Give this as `before` for the page that follows; absent on the last. */
  next?: number;
}

export interface AuditEventView {
  sequence: number;
  at: string;
  request_id: string;
  action: string;
  outcome: 'permitted' | 'refused' | 'failed';
  reason?: string;
  principal?: string;
  task_id?: string;
  lease_id?: string;
  tool?: string;
  detail: Readonly<Record<string, unknown>>;
}
