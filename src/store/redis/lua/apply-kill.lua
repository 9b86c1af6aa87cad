-- The second half of a wide kill in one slot: its selector, with the cut-off that holds in every slot.
-- ARGV: 8 selector, 9 cut-off or empty, 10 the kill as JSON, 11 until when it is kept or empty, 12 what is barred or
--   empty, 13 why, as JSON.
-- Returns: 1, now, stamp.
local selector, cutoff, kill = ARGV[8], tonumber(ARGV[9]), cjson.decode(ARGV[10])

local kills = redis.call('HGET', key('wide'), selector)
kills = kills and cjson.decode(kills) or {}
local known
for _, one in ipairs(kills) do
  if one.at == kill.at then
    known = one
    one.mootAt = math.max(one.mootAt, kill.mootAt)
    one.cutoff = one.cutoff and kill.cutoff and math.max(one.cutoff, kill.cutoff) or nil
  end
end
if not known then
  kills[#kills + 1] = kill
end
redis.call('HSET', key('wide'), selector, cjson.encode(kills))
if ARGV[11] ~= '' then
  redis.call('ZADD', key('moot'), 'GT', ARGV[11], selector)
end
if ARGV[12] ~= '' then
  redis.call('HSETNX', key('barred'), ARGV[12], ARGV[13])
end
-- What is issued after this is later than the cut-off.
now = math.max(now, kill.at + 1, (cutoff or 0) + 1)
begin_walk()
tick()
keep()
return { 1, now, stamp }
