-- Forgets the seat of a session that never came to be.
-- ARGV: 2 session.
-- Returns: 1, now, stamp.
leave_seat(ARGV[2])
tick()
keep()
return { 1, now, stamp }
