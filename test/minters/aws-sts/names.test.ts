// Names in AWS: every lease has one that STS takes, and nothing that an agent is called breaks a tag.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { LeaseId, PrincipalName, TaskId } from '../../../src/domain/ids.js';
import { chance, leaseId } from '../../../src/domain/ids.js';
import { sessionName, sessionTags, userId } from '../../../src/minters/aws-sts/names.js';

describe('In AWS', () => {
  test('the session of a lease is called as the lease is, by the rules of STS', () => {
    for (let slot = 0; slot < 64; slot++) {
      const id = leaseId(Date.now() + slot, slot, chance());
      expect(sessionName(id)).toBe(id);
      expect(id).toMatch(/^[\w+=,.@-]{2,64}$/);
    }
    expect(userId('AROAEXAMPLE', 'lease_x')).toBe('AROAEXAMPLE:lease_x');
  });

  test.each(['', 'lease_', '*', `lease_${'0'.repeat(27)}*`, `lease_${'0'.repeat(28)}\n`])(
    '%j names no session',
    (id) => expect(() => sessionName(id as LeaseId)).toThrow('name that is none'),
  );

  test('tags are within the limits, whatever the agent is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (agent) => {
        const tags = sessionTags({
          id: leaseId(1, 1, chance()),
          taskId: 'run-42.summarise' as TaskId,
          agent: agent as PrincipalName,
          tool: 'reports',
        });
        expect(tags.length).toBeLessThanOrEqual(50);
        for (const { Key: name, Value: value } of tags) {
          expect(name).toMatch(/^[\w]{1,128}$/);
          expect(value).toMatch(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u);
        }
        expect(tags).toContainEqual({ Key: 'mayfly_root_task', Value: 'run-42' });
      }),
    );
  });
});
