/* The kill of an agent, in every slot: intent, fences, selectors, conclusion, in this order. And who finishes it. */

#ifdef KILL
bool finisherStartsAnew;    /* its broker crashed, and is there again */

inline fence(b, slot, highest) {
  d_step {
    serves(b, slot) ->
    if
    :: store[slot].time > highest -> highest = store[slot].time
    :: else
    fi
  }
}

inline writeSelector(b, slot, who, cut) {
  d_step {
    serves(b, slot) ->
    addSelector(slot, cut);
    committed(b, slot); awaits(who, slot); learnsCutoff(b, cut)
  }
}

inline forgetsTheKill() { cut = NEVER; doneBefore = false; inSlot[A] = false; inSlot[B] = false }

/* By the broker that was asked, or by one that finishes for it. Its memory of it: cut, doneBefore, inSlot. */
inline killInEverySlot(b, who) {
  /* 2: a fence in every slot; the highest answer is the cut-off. */
  fence(b, A, cut);
#ifndef NO_FENCE
  fence(b, B, cut);
#endif
  /* One cut-off stands for all who work on this intent: a second one would reach leases issued after the first. */
#ifndef EACH_ITS_OWN_CUTOFF
  if
  :: d_step {
       serves(b, A) && store[A].intent ->
       if
       :: store[A].intentCutoff == NEVER -> store[A].intentCutoff = cut; committed(b, A)
       :: else -> cut = store[A].intentCutoff
       fi
     }
  /* Somebody else was faster: its selector stands at home. */
  :: d_step { serves(b, A) && !store[A].intent && store[A].cutoff != NEVER -> doneBefore = true }
  :: serves(b, A) && !store[A].intent && store[A].cutoff == NEVER -> goto unacknowledged
  fi;
#endif
  /* 3: the selector in every slot, in any order. */
  do
  :: !doneBefore && !inSlot[A] -> writeSelector(b, A, who, cut); inSlot[A] = true
#ifndef ACK_BEFORE_ALL_SLOTS
  :: !doneBefore && !inSlot[B] -> writeSelector(b, B, who, cut); inSlot[B] = true
  :: doneBefore || (inSlot[A] && inSlot[B]) -> break
#else
  :: doneBefore || inSlot[A] -> break
#endif
  od;
  if
  :: onReplica(who, A) && onReplica(who, B)
  :: notOnReplica(who, A) || notOnReplica(who, B) -> goto unacknowledged
  fi;
  /* 4: concluded at home, then acknowledged. */
  if
  :: doneBefore
  :: d_step {
       serves(b, A) && !doneBefore ->
       store[A].intent = false; store[A].intentCutoff = NEVER; store[A].concluded = true;
       committed(b, A); awaits(who, A)
     }
  fi;
  if
  :: d_step {
       onReplica(who, A) ->
       if
       :: who == OPERATOR -> killAcked = PROMISED
       :: else
       fi
     }
  :: notOnReplica(who, A)
  fi;
#ifdef ACK_BEFORE_ALL_SLOTS
  if
  :: !doneBefore -> writeSelector(b, B, who, cut)
  :: else
  fi;
#endif
unacknowledged:
  atomic { answered(who, A); answered(who, B); forgetsTheKill() }
}

active proctype Operator() {
  unsigned cut : 3;
  bool doneBefore, inSlot[2];
  {
    /* 1: the intent, for whoever finds it unfinished. */
    d_step { serves(0, A) -> store[A].intent = true; killAsked = true; committed(0, A); awaits(OPERATOR, A) };
    if
    :: onReplica(OPERATOR, A) -> killInEverySlot(0, OPERATOR)
    :: d_step { notOnReplica(OPERATOR, A) -> answered(OPERATOR, A) }
    fi
  } DIES_WITH(0)
}

/* The sweeper of the other broker finishes what it takes for interrupted, also where it is wrong. */
#if !defined(NOBODY_FINISHES) && !defined(NO_INTERRUPTION)
active proctype Finisher() {
  unsigned cut : 3;
  bool doneBefore, inSlot[2];
end:
  do
  :: { store[A].intent -> killInEverySlot(1, FINISHER) } unless {
       d_step { finisherStartsAnew -> finisherStartsAnew = false; forgetsTheKill() }
     }
  od
}
#endif
#endif
