-- Writes down at home what a wide kill is about to do, so that whoever finds it unfinished can finish it.
-- ARGV: 8 id, 9 the intent as JSON, 10 selector, 11 request.
-- Returns: 1, now, stamp.
local kills = redis.call('HGET', key('wide'), ARGV[10])
for _, kill in ipairs(kills and cjson.decode(kills) or {}) do
  if kill.requestId == ARGV[11] then
    -- Concluded already: an attempt that was given up for lost arrives late, and begins nothing anew.
    return { 1, now, stamp }
  end
end
redis.call('HSET', key('intents'), ARGV[8], '{"since":' .. whole(now) .. ',' .. ARGV[9])
keep()
return { 1, now, stamp }
