/* A verifier that never asks: it checks a JWT against the feed of broker 1, and the feed against its own age. */

#define OLD (FRESH_FOR + 1)    /* as old as it gets here: older makes no difference */

unsigned closeAge : 3, killAge : 3;          /* since the acknowledgement */
bool rereading;                              /* broker 1 has re-read slot A and not yet slot B */
unsigned rereadAge : 3;                      /* since it began */
unsigned snapshotAge : 3 = OLD;              /* of what broker 1 sends: since its as_of */
unsigned feedAge : 3 = OLD;                  /* of what the verifier has: since the newest as_of that it was sent */
bool verifierKnowsClose;
unsigned verifierKnowsCutoff : 3;

#define verifierAccepts(slot) (held[slot] != NEVER && feedAge <= FRESH_FOR \
  && verifierKnowsCutoff < held[slot] && !((slot) == A && verifierKnowsClose))

inline grows(age) {
  if
  :: age < OLD -> age++
  :: else
  fi
}

active proctype Time() {
end:
  do
  :: d_step {
       (closeAcked && closeAge < OLD) || (killAcked && killAge < OLD) || feedAge < OLD || snapshotAge < OLD ||
         (rereading && rereadAge < OLD) ->
       if
       :: closeAcked -> grows(closeAge)
       :: else
       fi;
       if
       :: killAcked -> grows(killAge)
       :: else
       fi;
       if
       :: rereading -> grows(rereadAge)
       :: else
       fi;
       grows(feedAge); grows(snapshotAge)
     }
  od
}

/* Writes to the store, re-reads every slot, tells. What it sends is the union of all that this broker ever knew. */
active proctype Feed() {
end:
  do
  :: d_step {
       serves(1, A) && !rereading ->
       rereading = true; rereadAge = 0;
       if
       :: store[A].childClosed -> learnsClose(1)
       :: else
       fi;
       learnsCutoff(1, store[A].cutoff);
       committed(1, A)
     }
  :: d_step {
       serves(1, B) && rereading ->
       rereading = false;
       learnsCutoff(1, store[B].cutoff);
       committed(1, B);
#ifdef AS_OF_THE_LAST_SLOT
       rereadAge = 0;
#endif
       snapshotAge = rereadAge; rereadAge = 0
     }
  /* Says again what it has, also while the store does not answer. */
  :: d_step {
       snapshotAge < OLD ->
#ifdef VERIFIER_TRUSTS_LAST_BYTE
       feedAge = 0;
#else
       if
       :: snapshotAge < feedAge -> feedAge = snapshotAge
       :: else
       fi;
#endif
       verifierKnowsClose = verifierKnowsClose || knowsClose[1];
       if
       :: verifierKnowsCutoff < knowsCutoff[1] -> verifierKnowsCutoff = knowsCutoff[1]
       :: else
       fi
     }
  od
}

/* What a broker that crashed can no longer send. */
inline feedForgets() { rereading = false; rereadAge = 0; snapshotAge = OLD }
