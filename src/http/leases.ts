// Routes of leases: for agents, each for its own, and for operators.
import type { Broker } from '../broker.js';
import type { LeaseId } from '../domain/ids.js';
import { isLeaseId } from '../domain/ids.js';
import type { Lease, RevocationClass } from '../domain/lease.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { renewLease } from '../issuance/renew.js';
import { forceLease, retryLease } from '../revocation/irrevocable.js';
import { releaseLease } from '../revocation/revoke.js';
import type { LeaseView } from '../wire/leases.js';
import { forceLeaseBody, listLeasesQuery, renewBody } from '../wire/leases.js';
import { ok } from './answer.js';
import type { Respond } from './call.js';
import { page, present } from './page.js';
import { parse } from './parse.js';
import { leaseView, tokenResponse } from './views.js';

export const leaseRoutes = (broker: Broker) => {
  const view = (lease: Lease): LeaseView => leaseView(lease, classOf(broker, lease));
  return {
    listLeases: async ({ principal, query }) => {
      const asked = parse(listLeasesQuery, query);
      if (asked instanceof Refusal) return asked;
      const own = hasRole(principal, 'operator', 'auditor') ? {} : { agent: principal.name };
      const leases = await broker.store.listLeases({ ...present(asked), ...own });
      return ok(page('leases', leases.map(view), asked.limit));
    },

    readLease: async ({ principal, params, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      entry.facts.leaseId = id;
      const lease = await broker.store.readLease(id);
      if (!lease) return new Refusal('lease_unknown', `no lease ${id}`);
      if (lease.agent === principal.name || hasRole(principal, 'operator', 'auditor')) return ok(view(lease));
      return new Refusal('lease_not_yours', `it belongs to ${lease.agent}`);
    },

    releaseLease: async ({ principal, params, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      const released = await releaseLease(broker, principal, id, entry);
      return released instanceof Refusal ? released : ok(view(released));
    },

    retryLease: async ({ params, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      const retried = await retryLease(broker, id, entry);
      return retried instanceof Refusal ? retried : ok(view(retried), 202);
    },

    forceLease: async ({ principal, params, body, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      const said = parse(forceLeaseBody, body);
      if (said instanceof Refusal) return said;
      const forced = await forceLease(broker, principal, { id, ...said }, entry);
      return forced instanceof Refusal ? forced : ok(view(forced));
    },

    renewLease: async ({ principal, provenKey, params, body, entry }) => {
      const id = idIn(params);
      if (id instanceof Refusal) return id;
      const asked = parse(renewBody, body ?? {});
      if (asked instanceof Refusal) return asked;
      const { requested_expiry: expiry } = asked;
      const renewed = await renewLease(
        broker,
        principal,
        id,
        {
          ...(expiry !== undefined && { ttlMs: expiry * 1000 }),
          ...(provenKey !== undefined && { provenKey }),
        },
        entry,
      );
      return renewed instanceof Refusal ? renewed : ok(tokenResponse(renewed, await broker.store.now()));
    },
  } satisfies Record<string, Respond>;
};

const classOf = (broker: Broker, lease: Lease): RevocationClass =>
  broker.minters.get(lease.kind)?.class ?? 'expiry-only';

/** What cannot be a lease's name is no lease's name. */
const idIn = ({ id = '' }: Readonly<Record<string, string>>): LeaseId | Refusal =>
  isLeaseId(id) ? id : new Refusal('lease_unknown', `${id.slice(0, 80)} is not a lease id`);
