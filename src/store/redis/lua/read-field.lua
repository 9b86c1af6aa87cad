-- Reads one field of a hash of the slot.
-- ARGV: 2 name of the hash, 3 what it is of or empty, 4 field.
-- Returns: 1, now, stamp, value or empty.
return { 1, now, stamp, redis.call('HGET', key(ARGV[2], ARGV[3]), ARGV[4]) or '' }
