-- True for the first caller with this key until it expires; of one that has expired already, for nobody.
-- ARGV: 2 key, 3 when it expires (milliseconds), 4 who asks.
-- Returns: 1, now, stamp, whether it is the first (1 or 0).
local name, expires, caller = key('once', ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local known = redis.call('GET', name)
if known then
  local taken_until, by = string.match(known, '^(%d+) (.*)$')
  if tonumber(taken_until) > now then
    return { 1, now, stamp, again and by == caller and 1 or 0 }
  end
end
-- Of what has expired by the store's time there would be no record, and it would be let in again and again.
if expires <= now then
  return { 1, now, stamp, 0 }
end
-- By Redis' own clock, which may be behind the store's: the record must not go first.
redis.call('SET', name, ARGV[3] .. ' ' .. caller, 'PX', whole(expires - time))
-- A stamp of its own: a server that has forgotten the key has forgotten the stamp too, and is found out.
tick()
keep()
return { 1, now, stamp, 1 }
