-- Writes down at home what a wide kill is about to do, so that whoever finds it unfinished can finish it.
-- ARGV: 8 id, 9 the intent as JSON.
-- Returns: 1, now, stamp.
redis.call('HSET', key('intents'), ARGV[8], '{"since":' .. whole(now) .. ',' .. ARGV[9])
keep()
return { 1, now, stamp }
