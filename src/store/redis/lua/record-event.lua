-- Records an event that belongs to no transition.
-- ARGV: 2 facts, 3 conclusion without its opening brace.
-- Returns: 1, now, stamp.
tell(ARGV[2], ARGV[3])
keep()
return { 1, now, stamp }
