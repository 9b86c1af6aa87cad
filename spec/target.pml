/* The target of the external credential: it mints when it gets to it, or not at all, but never after the deadline. */

#ifdef EXTERNAL
mtype = { notAsked, underWay, minted, mintFailed };
mtype mint = notAsked;
bool secretAlive;       /* what a request to the target itself would find */

active proctype Target() {
end:
  do
  :: d_step { mint == underWay && !mintDeadlinePast -> secretAlive = true; mint = minted }
  :: mint == underWay -> mint = mintFailed
  od
}
#endif
