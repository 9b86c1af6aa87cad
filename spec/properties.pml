/* What must hold in every state, by the numbers of DESIGN.md's invariants, and when everything has come to rest.
 * What must hold of a single script is asserted in it. The names below are never true: they are what a failure says. */

active proctype Always() {
  bool credential_outlived_its_task, secret_without_lease, revoked_but_alive, stale_feed_believed, later_lease_named;
end:
  if
  /* 1: after the acknowledgement, introspection (which reads the store) finds nothing of them active. */
  :: atomic {
       closeAcked && (jwtIsActive(A) || (store[A].external == activated && !externalIsOver)) ->
       assert(credential_outlived_its_task)
     }
  :: atomic {
       killAcked && ((heldBeforeKill[A] && jwtIsActive(A)) || (heldBeforeKill[B] && jwtIsActive(B))) ->
       assert(credential_outlived_its_task)
     }
#if !FAILOVERS
  /* A wide kill leaves alone what was issued after it was acknowledged. Where writes are lost, it may kill too much. */
  :: atomic {
       (heldAfterKill[A] && named(A, held[A])) || (heldAfterKill[B] && named(B, held[B])) ->
       assert(later_lease_named)
     }
#endif
#ifdef EXTERNAL
  /* 2: what exists at the target has a lease on record that has not ended. */
  :: atomic {
       secretAlive && (store[A].external == none || store[A].external == revoked) ->
       assert(secret_without_lease)
     }
  /* 10: `revoked` means dead at the target, and not to come alive there any more. */
  :: atomic {
       store[A].external == revoked && (secretAlive || (mint == underWay && !mintDeadlinePast)) ->
       assert(revoked_but_alive)
     }
#endif
#ifdef VERIFIER
  /* 1 and 9: no later than the bound on the age of its feed, a verifier that never asks refuses them too. */
  :: atomic {
       (closeAge > FRESH_FOR && verifierAccepts(A)) ||
       (killAge > FRESH_FOR && heldBeforeKill[A] && verifierAccepts(A)) ||
       (killAge > FRESH_FOR && heldBeforeKill[B] && verifierAccepts(B)) ->
       assert(stale_feed_believed)
     }
#endif
  fi
}

#ifndef VERIFIER
/* Nobody can do anything any more: so nothing may be left that somebody would have to do. */
active proctype AtRest() {
  bool lease_left_over, secret_left_over, kill_left_over, kill_forgotten;
end:
  atomic {
    timeout ->
#ifdef EXTERNAL
    assert((store[A].external != reserved && store[A].external != revoking) || lease_left_over);
    assert(store[A].external != activated || !externalIsOver || lease_left_over);
    assert(!secretAlive || store[A].external == activated || store[A].external == irrevocable || secret_left_over);
#endif
#ifdef KILL
    assert(!store[A].intent || kill_left_over);
    assert(!store[A].concluded || (store[A].cutoff != NEVER && store[B].cutoff != NEVER) || kill_left_over);
#endif
#if FAILOVERS && defined(CLOSE)
    /* Also where nothing was promised: a kill that a living broker knows comes back to a store that lost it. */
    assert((!knowsClose[0] && !knowsClose[1]) || store[A].childClosed || kill_forgotten);
#endif
    skip
  }
}
#endif
