/* The requests that brokers carry: each is a process of its own, and ends when its broker crashes. */

bool crashed[2];
#define DIES_WITH(b) unless { crashed[b] }

/* What each broker knows of kills: it only ever grows. */
#if FAILOVERS || defined(VERIFIER)
bool knowsClose[2];
byte knowsCutoff[2];
#endif

inline learnsClose(b) {
#if FAILOVERS || defined(VERIFIER)
  knowsClose[b] = true
#else
  skip
#endif
}

inline learnsCutoff(b, newer) {
#if FAILOVERS || defined(VERIFIER)
  if
  :: knowsCutoff[b] < (newer) -> knowsCutoff[b] = (newer)
  :: else
  fi
#else
  skip
#endif
}

/* What really happened, whatever the store remembers. */
bool closeAcked, closePublished;
bool killAsked, killAcked;
byte held[2];         /* the time in the JWT that an agent holds, by slot */
bool heldBeforeKill[2], heldAfterKill[2];

/* A broker that knows of a close never issues against it, whatever the store has lost. */
inline mayNotKnowClose(b) {
#if FAILOVERS
  assert(!knowsClose[b])
#else
  skip
#endif
}

#ifdef CLOSE
/* Closes the parent: it and all below it, one selector, no lease. Asks again after a 503, or gives up. */
active proctype Orchestrator() {
  {
    do
    :: d_step {
         serves(0, A) ->
         store[A].parentClosed = true;
#ifndef CLOSE_FORGETS_CHILDREN
         store[A].childClosed = true;
#endif
         closePublished = true;
         committed(0, A); awaits(ORCHESTRATOR, A); learnsClose(0);
#ifdef POSITION_ONLY
         closePosition = position[A]
#endif
       };
       if
       :: d_step { onReplica(ORCHESTRATOR, A) -> closeAcked = PROMISED }; break
       :: d_step { notOnReplica(ORCHESTRATOR, A) -> answered(ORCHESTRATOR, A) }
       :: d_step { notOnReplica(ORCHESTRATOR, A) -> answered(ORCHESTRATOR, A) }; break
       fi
    od
  } DIES_WITH(0)
}
#endif

#ifdef JWT
/* Issues in one script; later asks for a renewal in another. */
active proctype TokenAgent() {
  bit b;
#ifdef ISSUE_BY_MEMORY
  bool wasOpen;
#endif
  if
  :: b = 1
#if FAILOVERS
  :: b = 0
#endif
  fi;
  {
#ifdef ISSUE_BY_MEMORY
    wasOpen = !store[A].childClosed;
#define mayIssue wasOpen
#else
#define mayIssue (!store[A].childClosed)
#endif
    d_step {
      serves(b, A) ->
      if
      :: mayIssue ->
         store[A].jwt = store[A].time;
         held[A] = store[A].time;
         heldBeforeKill[A] = !killAsked;
         heldAfterKill[A] = killAcked;
         committed(b, A);
         assert(!closeAcked);                               /* invariant 1 */
         mayNotKnowClose(b)
      :: else
      fi
    };
#ifdef RENEWAL
    d_step {
      serves(b, A) && held[A] != NEVER ->
      if
      :: jwtIsActive(A) ->
         committed(b, A);
         assert(!closeAcked && !(killAcked && heldBeforeKill[A]));   /* invariant 1 */
         mayNotKnowClose(b)
      :: else
      fi
    }
#endif
  } DIES_WITH(b)
}
#endif

#ifdef OTHER_TREE
active proctype TokenAgentOfAnotherTree() {
  {
    d_step {
      serves(1, B) ->
      store[B].jwt = store[B].time;
      held[B] = store[B].time;
      heldBeforeKill[B] = !killAsked;
      heldAfterKill[B] = killAcked;
      committed(1, B)
    }
  } DIES_WITH(1)
}
#endif

#ifdef EXTERNAL
/* Looks at the task and the selectors once more. What was minted for nothing is due to be killed at once. */
inline activateScript() {
  d_step {
    serves(1, A) ->
    if
#ifdef NO_RECHECK_ON_ACTIVATE
    :: store[A].external == reserved ->
#else
    :: store[A].external == reserved && !externalIsOver && !mintDeadlinePast ->
#endif
       store[A].external = activated;
       store[A].mintOpen = false;
       assert(!closeAcked)                                  /* invariant 1 */
    :: else ->
       if
       :: (store[A].external == reserved || store[A].external == revoking) && store[A].mintOpen ->
          store[A].external = revoking;
          store[A].mintOpen = false;
          store[A].onceMore = false;
          returned()                                        /* a kill that is under way may have come too early */
       :: else
       fi
    fi;
    committed(1, A)
  }
}

inline abandonScript() {
  d_step {
    serves(1, A) ->
    if
    :: store[A].external == reserved -> store[A].external = revoking; committed(1, A)
    :: else
    fi
  }
}

/* reserve → mint → activate. The mint may answer late, or never. */
active proctype ExternalAgent() {
  {
#ifdef MINT_BEFORE_RESERVE
    mint = underWay;
#endif
    d_step {
      serves(1, A) ->
      if
      :: !store[A].childClosed ->
         store[A].external = reserved;
         store[A].externalAt = store[A].time;
         store[A].mintOpen = true;
         committed(1, A); awaits(EXTERNAL_AGENT, A);
         assert(!closeAcked)                                /* invariant 1 */
      :: else
      fi
    };
    store[A].external != none || mint != notAsked;   /* refused: it ends here */
#ifndef RESERVE_WITHOUT_WAIT
    if
    :: onReplica(EXTERNAL_AGENT, A)
    :: d_step { notOnReplica(EXTERNAL_AGENT, A) -> answered(EXTERNAL_AGENT, A) }; goto refused
    fi;
#endif
#ifndef MINT_BEFORE_RESERVE
    mint = underWay;
#endif
    if
    :: mint == minted -> activateScript()
    :: mint != notAsked -> abandonScript()   /* it failed, or nobody waits for it any longer */
    fi;
refused:
    skip
  } DIES_WITH(1)
}
#endif
