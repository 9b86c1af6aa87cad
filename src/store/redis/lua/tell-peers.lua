-- Says something to all brokers; it is kept nowhere.
-- ARGV: 2 what is said.
-- Returns: 1, now, stamp.
redis.call('SPUBLISH', key('peers'), origin .. ' ' .. ARGV[2])
return { 1, now, stamp }
