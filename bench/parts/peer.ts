// The peer: oidc-provider in a process of its own, and what its clients ask of it.
import { freePort } from '../../examples/demo/port.js';
import { TOOL } from './broker.js';
import type { Requests } from './issuance.js';
import { agents, anyOf, each } from './issuance.js';
import { formRequest } from './request.js';
import type { Server } from './server.js';
import { startServer } from './server.js';
import { publicJwks, workloadToken } from './workload.js';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Its records are in the Redis on this port, or in its own memory. */
export async function startPeer(folder: string, redisPort?: number): Promise<Server> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [
    new URL('peer.mjs', import.meta.url).pathname,
    url,
    TOOL.audience,
    JSON.stringify(agents),
    JSON.stringify(publicJwks),
    ...(redisPort === undefined ? [] : [String(redisPort)]),
  ];
  return startServer({ name: 'peer', folder, url, ready: '/jwks' }, args);
}

/** Each with an assertion of its own, which may be used once. */
export const clientRequests = (url: string, count: number): Requests =>
  each(
    Array.from({ length: count }, () => {
      const client = anyOf(agents);
      return formRequest(url, '/token', {
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION_TYPE,
        client_assertion: workloadToken(client, client, url),
        scope: 'read',
      });
    }),
  );
