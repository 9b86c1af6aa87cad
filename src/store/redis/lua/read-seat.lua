-- The role that a session was given a seat on.
-- ARGV: 2 session.
-- Returns: 1, now, stamp, the role where there is one.
return { 1, now, stamp, seat_of(ARGV[2]) }
