-- Records events that are told together, unless they are on record under the same name.
-- ARGV: 2 name, 3 for how many milliseconds it is known, 4 who asks, then for each event its facts and its conclusion
--   without its opening brace.
-- Returns: 1, now, stamp, how many it has recorded.
local name, known_for, caller = key('once', ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local count = (#ARGV - 4) / 2
local known = redis.call('GET', name)
if known then
  local known_until, by = string.match(known, '^(%d+) (.*)$')
  if tonumber(known_until) > now then
    return { 1, now, stamp, again and by == caller and count or 0 }
  end
end
-- They are on record with their name or not at all: none has to be looked for.
again = nil
for at = 5, #ARGV, 2 do
  tell(ARGV[at], ARGV[at + 1])
end
-- By Redis' own clock, which may be behind the store's: the name must not go first.
redis.call('SET', name, whole(now + known_for) .. ' ' .. caller, 'PX', whole(now + known_for - time))
keep()
return { 1, now, stamp, count }
