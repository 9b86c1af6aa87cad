-- What there is to do in the slot, now and next.
-- ARGV: 2 for how long ended leases are kept, 3 closed tasks, 4 events (milliseconds).
-- Returns: 1, now, stamp, when something falls due to be swept next and to be claimed next, or -1; whether there is
--   anything to forget (1 or 0), whether there are wide kills under way (1 or 0).
local function earliest(...)
  local found = -1
  for _, name in ipairs({ ... }) do
    local at = tonumber(redis.call('ZRANGE', key(name), 0, 0, 'WITHSCORES')[2])
    if at and (found < 0 or at < found) then
      found = at
    end
  end
  return found
end

local swept, claimed = earliest('open', 'external'), earliest('due')
if redis.call('EXISTS', key('walk')) == 1 then
  swept = swept < 0 and now or math.min(swept, now)
end

local function first_by(name, bound)
  local first = redis.call('ZRANGE', key(name), 0, 0, 'WITHSCORES')[2]
  return first and tonumber(first) <= bound
end
local oldest = redis.call('XRANGE', key('audit'), '-', '+', 'COUNT', 1)[1]
local stale = first_by('ends', math.floor((now - ARGV[2]) / 60000))
  or first_by('moot', now)
  or first_by('deniedEnds', now)
  or first_by('seatEnds', now - ARGV[2])
  or first_by('closed', now - ARGV[3])
  or (oldest and tonumber(string.match(oldest[1], '^%d+')) <= now - ARGV[4])
return { 1, now, stamp, swept, claimed, stale and 1 or 0, redis.call('EXISTS', key('intents')) }
