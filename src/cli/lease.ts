// `mayfly lease`: what is on record of credentials, and giving them back.
import type { Command } from 'commander';
import { addLeaseForce } from './lease/force.js';
import { addLeaseList } from './lease/list.js';
import { addLeaseRelease } from './lease/release.js';
import { addLeaseRenew } from './lease/renew.js';
import { addLeaseRetry } from './lease/retry.js';
import { addLeaseShow } from './lease/show.js';
import type { Shell } from './shell.js';

export function addLease(program: Command, shell: Shell): void {
  const lease = program.command('lease').description('leases: the records of credentials');
  addLeaseList(lease, shell);
  addLeaseShow(lease, shell);
  addLeaseRelease(lease, shell);
  addLeaseRenew(lease, shell);
  addLeaseRetry(lease, shell);
  addLeaseForce(lease, shell);
}
