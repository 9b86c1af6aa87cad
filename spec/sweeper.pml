/* The sweeper of each broker: brings what is over to `revoking`, kills it at the target, and settles it. No leader. */

#ifdef EXTERNAL
/* A settlement by somebody whose loan ran out is refused. */
#define mine(b) (store[A].external == revoking && store[A].loan == b + 1)

inline settleConfirmed(b) {
  d_step {
    serves(b, A) ->
    if
#if defined(SETTLE_BEFORE_MINT_DEADLINE)
    :: false
#elif defined(SETTLE_BY_TIME_OF_ANSWER)
    :: mine(b) && store[A].mintOpen && !mintDeadlinePast ->
#else
    /* A kill that set out before the deadline proves nothing about a mint that came after it. */
    :: mine(b) && store[A].mintOpen && store[A].loanIsEarly ->
#endif
#ifndef SETTLE_BEFORE_MINT_DEADLINE
       returned(); store[A].onceMore = true; committed(b, A)
#endif
    :: else ->
       if
       :: mine(b) ->
          store[A].external = revoked;
          returned(); store[A].onceMore = false; store[A].mintOpen = false;
          committed(b, A)
       :: else
       fi
    fi
  }
}

inline settleFailed(b) {
  d_step {
    serves(b, A) ->
    if
    :: mine(b) -> returned(); committed(b, A)
    :: else
    fi
  }
}

/* Given up, loudly: the lease stays on record for a human. */
inline settleIrrevocable(b) {
  d_step {
    serves(b, A) ->
    if
    :: mine(b) -> store[A].external = irrevocable; returned(); committed(b, A)
    :: else
    fi
  }
}

/* Free, or the loan of another ran out, which may be at any moment. */
#ifdef LOANS_FOR_EVER
#define mayLend(b) (store[A].loan == 0)
#else
#define mayLend(b) true
#endif

active [2] proctype Sweeper() {
  bit b = _pid & 1;
end:
  do
  /* What a kill or a close named: neither walked along leases itself. */
  :: d_step {
       serves(b, A) && (store[A].external == reserved || store[A].external == activated) && externalIsOver ->
       store[A].external = revoking; committed(b, A)
     }
  /* A mint that nobody came back from. */
#ifndef LOST_MINTS_STAY
  :: d_step {
       serves(b, A) && store[A].external == reserved && mintDeadlinePast ->
       store[A].external = revoking; committed(b, A)
     }
#endif
  :: d_step {
       serves(b, A) && store[A].external == revoking && mayLend(b) && (!store[A].onceMore || mintDeadlinePast) ->
       store[A].loan = b + 1;
       store[A].loanIsEarly = !mintDeadlinePast;
       committed(b, A)
     };
     if
     :: secretAlive = false; settleConfirmed(b)
     :: settleFailed(b)
     :: settleIrrevocable(b)
     :: skip      /* its answer got lost, or this broker crashed: the loan runs out */
     fi
  od
}

#endif
