// A thousand live sessions of a real STS over a pool of roles, through a broker: all end with their tasks, none by a cut-off.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AwsCredential } from '../../src/minters/aws-sts/aws-sts-minter.js';
import type { TaskView } from '../../src/wire/tasks.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Ceph, hasCeph, read, REGION } from '../fixtures/ceph.js';
import { crew } from '../fixtures/crew.js';
import { until } from '../fixtures/until.js';

const BUCKET = 'reports';
const TASKS = 100;
const SESSIONS_EACH = 10;
const ROLES = 13;
const HANDS = 8;
const LIMIT_MS = 480_000;

(hasCeph ? test : test.skip)(
  'a thousand sessions over a pool of roles read until their tasks are complete, and are all refused and confirmed dead after that',
  async () => {
    const ceph = await Ceph.start();
    try {
      await ceph.bucket(BUCKET, { 'a/1': 'one' });
      const roles: string[] = [];
      while (roles.length < ROLES) roles.push((await ceph.role(`pool-${roles.length}`, [BUCKET])).arn);
      const secret = join(ceph.folder, 'broker-secret');
      writeFileSync(secret, ceph.broker.secretAccessKey);
      const credential = {
        kind: 'aws-sts',
        region: REGION,
        endpoint: ceph.endpoint,
        roles,
        access_key_id: ceph.broker.accessKeyId,
        secret_access_key_file: secret,
        source_identity: false,
        session_tags: false,
        in_force_after: '1s',
        actions: {
          read: [{ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/{{resource}}`] }],
        },
      };
      const reports = {
        plane: 'cloud',
        audience: 'https://reports.example',
        actions: ['read'],
        max_ttl: '1h',
        credential,
      };
      const broker = await TestBroker.start({ terms: { tools: { crm: CRM, search: SEARCH, reports } } });
      const sessions: string[] = [];
      const tasks = Array.from({ length: TASKS }, (_, index) => `run-${index}`);
      await crew(HANDS, tasks, async (id) => {
        await broker.openTask({ id, ttl: '1h', tools: [{ tool: 'reports', actions: ['read'] }] });
        for (let more = 0; more < SESSIONS_EACH; more++) {
          const { access_token: token } = await broker.credential('agent-1', {
            task_id: id,
            audience: 'reports',
          });
          sessions.push(token);
        }
      });
      const outcomes = async (): Promise<Map<string | number, number>> => {
        const counts = new Map<string | number, number>();
        await crew(HANDS, sessions, async (token) => {
          const {
            access_key_id: key,
            secret_access_key: hidden,
            session_token: of,
          } = JSON.parse(token) as AwsCredential;
          const s3 = ceph.s3({ accessKeyId: key, secretAccessKey: hidden, sessionToken: of });
          const outcome = await read(s3, BUCKET, 'a/1');
          s3.destroy();
          counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
        });
        return counts;
      };
      expect(await outcomes()).toEqual(new Map([['one', TASKS * SESSIONS_EACH]]));

      const begun = performance.now();
      await crew(HANDS, tasks, async (id) => {
        expect((await broker.complete(id)).status).toBe(200);
      });
      await until(
        'all tasks are settled',
        async () => {
          for (const id of tasks) {
            const { body } = await broker.get<TaskView>(`/v1/tasks/${id}`, 'operator');
            if (body.state !== 'settled') return false;
          }
          return true;
        },
        { withinMs: 120_000, everyMs: 250 },
      );
      console.log(
        `${sessions.length} sessions over ${ROLES} roles were confirmed dead ${((performance.now() - begun) / 1000).toFixed(1)} s after the first of ${TASKS} completions`,
      );
      expect(await outcomes()).toEqual(new Map([[403, TASKS * SESSIONS_EACH]]));
      const log = broker.log.join('');
      expect(log).not.toMatch(/nobody had killed|could not be revoked|a kill failed/);
      await broker.stop();
    } finally {
      await ceph.close();
    }
  },
  LIMIT_MS,
);
