/* The store: two slots, what stands in each, and its replica. Each inline below is (part of) one script. */

#define A 0             /* the slot of the task tree, and home of the operator's kill */
#define B 1             /* the slot of an unrelated tree */
#define NEVER 0         /* times begin at 1 */

mtype = { none, reserved, activated, revoking, revoked, irrevocable };

typedef Slot {
  unsigned time : 3 = 1;      /* the highest that was given out or fenced */
  bool parentClosed;
  bool childClosed;
  unsigned cutoff : 3;        /* of the selector that names the agent; NEVER: there is none */
  bool intent;                /* of a wide kill that is under way (home only) */
  unsigned intentCutoff : 3;  /* the one that stands for all who work on it */
  bool concluded;
  unsigned jwt : 3;           /* when the lease of a JWT was issued; NEVER: none on record */
  mtype external = none;      /* the lease of an external credential (slot A only) */
  unsigned externalAt : 3;
  bool mintOpen;              /* its mint may still be under way: its deadline stands */
  unsigned loan : 2;          /* the sweeper that it was lent to, plus 1 */
  bool loanIsEarly;           /* lent before the mint deadline */
  bool onceMore;              /* confirmed early: due again at the mint deadline */
};

Slot store[2];                /* what scripts see */
bool mintDeadlinePast;        /* in the store's time */

/* ── a slot that lost some of its log: who notices ── */

#if FAILOVERS
Slot replica[2];
bool behind[2];               /* the replica lacks something */
bool mustWriteBack[4];        /* broker * 2 + slot: another server answers, and it may have forgotten something */
#ifdef POSITION_ONLY
byte position[2], replicaPosition[2], seen[4], closePosition;
/* Broken: a number does not tell one branch of the log from another. */
#define lost(b, slot) (seen[(b) * 2 + (slot)] > position[slot])
#else
#define lost(b, slot) (mustWriteBack[(b) * 2 + (slot)])
#endif
#else
#define lost(b, slot) false
#endif

/* A broker that has noticed a loss does nothing until it has written back what it knows. See `Recovery`. */
#define serves(b, slot) (!lost(b, slot))

/* Every script that changes something ends like this. */
inline committed(b, slot) {
#if FAILOVERS
  behind[slot] = true;
#ifdef POSITION_ONLY
  position[slot]++;
  seen[(b) * 2 + (slot)] = position[slot];
#endif
#endif
  skip
}

/* ── WAIT: whether a replica has what this caller has written ── */

/* Without replicas to wait for, an answer promises nothing that outlasts the loss of a master. */
#define PROMISED (MIN_REPLICAS || !FAILOVERS)

#define ORCHESTRATOR 0
#define OPERATOR 1
#define EXTERNAL_AGENT 2
#define FINISHER 3

#if FAILOVERS
mtype = { replicated, pending, broken };
mtype written[8] = replicated;   /* caller * 2 + slot */

inline awaits(who, slot) { written[(who) * 2 + (slot)] = (behind[slot] -> pending : replicated); }
inline answered(who, slot) { written[(who) * 2 + (slot)] = replicated }
#if defined(NO_WAIT) || !MIN_REPLICAS
#define onReplica(who, slot) true
#define notOnReplica(who, slot) false
#else
#define onReplica(who, slot) (written[(who) * 2 + (slot)] == replicated)
/* It takes too long, or the connection broke: 503. */
#define notOnReplica(who, slot) (written[(who) * 2 + (slot)] != replicated)
#endif
#else
inline awaits(who, slot) { skip; }
inline answered(who, slot) { skip }
#define onReplica(who, slot) true
#define notOnReplica(who, slot) false
#endif

/* ── what scripts ask ── */

#define named(slot, at) (store[slot].cutoff >= (at))
#define jwtIsActive(slot) (store[slot].jwt != NEVER && !named(slot, store[slot].jwt) && !((slot) == A && store[A].childClosed))
/* By the rules of the store: standing is derived, no lease was touched. */
#define externalIsOver (store[A].childClosed || named(A, store[A].externalAt))

inline raise(slot, above) {
  if
  :: store[slot].time <= (above) -> store[slot].time = (above) + 1
  :: else
  fi
}

inline returned() { store[A].loan = 0; store[A].loanIsEarly = false }

/* A selector joins the union: of two with one name the later cut-off counts. */
inline addSelector(slot, cut) {
  if
  :: store[slot].cutoff < (cut) -> store[slot].cutoff = (cut)
  :: else
  fi;
#ifndef NO_TIME_BEYOND_CUTOFF
  raise(slot, cut)
#endif
}
