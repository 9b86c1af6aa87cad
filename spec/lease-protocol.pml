/* The lease protocol as a model: every order of events that two brokers, a store, a target and a verifier can come to.
 *
 * The cast. Slot A holds one task tree: a parent, its child, and two leases of the child, one of a JWT, one of an
 * external credential. Slot B holds the JWT lease of the same agent in an unrelated tree. The orchestrator closes the
 * parent. The operator kills the agent. Two brokers carry the requests, each may crash between any two lines.
 *
 * What is atomic here is atomic there: a `d_step` that begins with `serves(b, slot)` is one script in one slot. All
 * else interleaves freely: requests of one broker with each other too, as they do in one Node process.
 *
 * Why it may be so small, for these properties:
 *  - Time. A mint deadline, an end of a loan, an answer that comes too late are events that may come at any moment.
 *    A broker that is slow, paused, or calls with a wrong clock is one that is scheduled late. So what holds here holds
 *    for every choice of timeouts. Only what compares times counts them: slots' times (cut-offs) and ages (feeds).
 *  - Names. Transitions of a lease read their own lease, the end of their own task and the selectors that name it,
 *    never another lease. So one lease of each kind meets every history that one of many meets; a tree is closed by one
 *    script, so two of its levels show what any depth shows; and slots are told apart only by being home or not.
 *  - Repetition. A sweeper may try for ever; a request is sent once, except where its repetition is a case of its own.
 *  - A restarted broker knows nothing: it is the other broker, before it has heard anything.
 *
 * What is taken for granted: a script is atomic and its answer true; a mint takes no effect at the target after its
 * deadline in store time; a revoke that the target confirms has taken effect there; a slot's time does not go back in
 * a failover, because that takes longer than clocks of servers differ. What is left out stands in docs/model.md.
 *
 * Which part of the cast is on stage, and how much may go wrong, is defined from outside: see scripts/spec.mjs. */

#ifndef CRASHES
#define CRASHES 0       /* brokers that may crash */
#endif
#ifndef FAILOVERS
#define FAILOVERS 0     /* masters that may be lost to a replica that lags behind */
#endif
#ifndef MIN_REPLICAS
#define MIN_REPLICAS 1  /* that an acknowledgement waits for */
#endif
#ifndef LATEST
#define LATEST 2        /* the latest time that a server's clock shows */
#endif
#define FRESH_FOR 1     /* a verifier fails closed when its feed is older */

#include "store.pml"
#include "target.pml"
#include "brokers.pml"
#include "wide-kill.pml"
#include "sweeper.pml"
#ifdef VERIFIER
#include "verifier.pml"
#endif
#include "faults.pml"
#include "properties.pml"
