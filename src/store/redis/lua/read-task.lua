-- Reads one task.
-- ARGV: 2 id.
-- Returns: 1, now, stamp, record or empty.
return { 1, now, stamp, redis.call('HGET', key('tasks'), ARGV[2]) or '' }
