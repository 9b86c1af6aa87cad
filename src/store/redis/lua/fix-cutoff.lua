-- Fixes the cut-off of a wide kill: the first that is named stands, whoever carries the kill out.
-- ARGV: 2 id of the intent, 3 the highest answer of all fences.
-- Returns: 1, now, stamp, the cut-off, or 0 where the kill is concluded already.
if redis.call('HEXISTS', key('intents'), ARGV[2]) == 0 then
  return { 1, now, stamp, 0 }
end
redis.call('HSETNX', key('intents'), ARGV[2] .. ':at', ARGV[3])
tick()
keep()
return { 1, now, stamp, tonumber(redis.call('HGET', key('intents'), ARGV[2] .. ':at')) }
