-- True for the first caller with this key until it expires.
-- ARGV: 8 key, 9 when it expires (milliseconds), 10 who asks.
-- Returns: 1, now, stamp, whether it is the first (1 or 0).
local name, expires, caller = key('once', ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local known = redis.call('GET', name)
if known then
  local taken_until, by = string.match(known, '^(%d+) (.*)$')
  if tonumber(taken_until) > now then
    return { 1, now, stamp, ARGV[6] ~= '' and by == caller and 1 or 0 }
  end
end
if expires > now then
  redis.call('SET', name, ARGV[9] .. ' ' .. caller, 'PX', whole(expires - now))
end
return { 1, now, stamp, 1 }
