-- Writes down at home what a wide kill is about to do, so that whoever finds it unfinished can finish it.
-- ARGV: 2 id, 3 the intent as JSON, 4 selector, 5 request.
-- Returns: 1, now, stamp.
local kills = redis.call('HGET', key('wide'), ARGV[4])
for _, kill in ipairs(kills and cjson.decode(kills) or {}) do
  if kill.requestId == ARGV[5] then
    -- Concluded already: an attempt that was given up for lost arrives late, and begins nothing anew.
    return { 1, now, stamp }
  end
end
redis.call('HSET', key('intents'), ARGV[2], '{"since":' .. whole(now) .. ',' .. ARGV[3])
tick()
keep()
return { 1, now, stamp }
