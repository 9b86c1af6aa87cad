/* What happens to everybody: clocks go on, brokers crash, replicas lag behind, masters are lost, news is late. */

#ifdef EXTERNAL
active proctype MintDeadline() {
end:
  store[A].external != none -> mintDeadlinePast = true
}
#endif

#ifdef KILL
/* The clocks of two servers do not agree. */
active proctype Clocks() {
end:
  do
  :: store[A].time < LATEST -> store[A].time++
  :: store[B].time < LATEST -> store[B].time++
  od
}
#endif

#if CRASHES
/* What comes up again in its place has heard nothing yet. Its sweeper goes on as if nothing had been. */
inline forgets(b) {
#if FAILOVERS || defined(VERIFIER)
  knowsClose[b] = false; knowsCutoff[b] = NEVER;
#endif
#if FAILOVERS
  mustWriteBack[b * 2] = false; mustWriteBack[b * 2 + 1] = false;
#ifdef POSITION_ONLY
  seen[b * 2] = 0; seen[b * 2 + 1] = 0;
#endif
#endif
#if defined(KILL) && !defined(NOBODY_FINISHES) && !defined(NO_INTERRUPTION)
  if
  :: b == 1 -> finisherStartsAnew = true
  :: else
  fi;
#endif
#ifdef VERIFIER
  if
  :: b == 1 -> feedForgets()
  :: else
  fi;
#endif
  skip
}

active proctype Crash() {
  byte left = CRASHES;
  bit b;
  do
  :: left > 0 ->
     if
     :: b = 0
     :: b = 1
     fi;
     d_step { !crashed[b] -> crashed[b] = true; left--; forgets(b); b = 0 }
  :: break
  od
}

#endif

#if FAILOVERS
inline copy(to, from) {
  to.time = from.time;
  to.parentClosed = from.parentClosed; to.childClosed = from.childClosed;
  to.cutoff = from.cutoff;
  to.intent = from.intent; to.intentCutoff = from.intentCutoff; to.concluded = from.concluded;
  to.jwt = from.jwt;
  to.external = from.external; to.externalAt = from.externalAt; to.mintOpen = from.mintOpen;
  to.loan = from.loan; to.loanIsEarly = from.loanIsEarly; to.onceMore = from.onceMore
}

inline answerWaiting(slot, found) {
  for (who : 0 .. 3) {
    if
    :: written[who * 2 + slot] == pending -> written[who * 2 + slot] = found
    :: else
    fi
  }
  who = 0
}

/* The replica takes over all that there is, now or later: so it may stand at any point of the log. */
inline replicate(slot) {
  d_step {
    behind[slot] ->
    copy(replica[slot], store[slot]);
    behind[slot] = false;
#ifdef POSITION_ONLY
    replicaPosition[slot] = position[slot];
#endif
    answerWaiting(slot, replicated)
  }
}

/* What the replica lacks is lost. A restored backup and a FLUSHALL are the same, with a replica that is older still. */
inline failOver(slot) {
  d_step {
    behind[slot] ->
    replica[slot].time = store[slot].time;
    copy(store[slot], replica[slot]);
    behind[slot] = false;
    mustWriteBack[slot] = true; mustWriteBack[2 + slot] = true;
    closePublished = false;       /* the connections that would have carried the news broke as well */
#ifdef POSITION_ONLY
    position[slot] = replicaPosition[slot];
#endif
    answerWaiting(slot, broken)
  }
}

active proctype Replication() {
  byte who;
end:
  do
  :: replicate(A)
#ifdef KILL
  :: replicate(B)
#endif
  od
}

active proctype Failover() {
  byte left = FAILOVERS;
  byte who;
end:
  do
  :: left > 0 -> failOver(A); left--
#ifdef KILL
  :: left > 0 -> failOver(B); left--
#endif
  od
}

inline writeBack(b, slot) {
  d_step {
    lost(b, slot) ->
#ifndef NO_WRITE_BACK
    if
    :: slot == A && knowsClose[b] -> store[A].parentClosed = true; store[A].childClosed = true
    :: else
    fi;
    if
    :: knowsCutoff[b] != NEVER -> addSelector(slot, knowsCutoff[b])
    :: else
    fi;
#endif
    mustWriteBack[b * 2 + slot] = false;
    committed(b, slot)
  }
}

/* A broker that notices: it serves nothing in this slot until every kill that it knows stands there again. */
active [2] proctype Recovery() {
  bit b = _pid & 1;
end:
  do
  :: writeBack(b, A)
#ifdef KILL
  :: writeBack(b, B)
#endif
  od
}

#ifdef NEWS
/* Pub/sub: a kill reaches the other broker at any time, or never; with it, how far the log had come. */
active [2] proctype News() {
  bit b = _pid & 1;
end:
  do
  :: d_step {
       closePublished && !knowsClose[b] ->
       knowsClose[b] = true;
#ifdef POSITION_ONLY
       if
       :: seen[b * 2 + A] < closePosition -> seen[b * 2 + A] = closePosition
       :: else
       fi
#endif
     }
  od
}
#endif
#endif
