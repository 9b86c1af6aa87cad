-- The slot's clock, and whether this slot is the one that the caller knows.
-- ARGV: 1 what every call says, separated by blanks: epoch; the latest time and the latest stamp that the caller has
--   seen anywhere; the latest stamp that it knows of this slot; the time instead of Redis' own, or -; the stamp before
--   the first attempt of a call that is made again, or -; who is calling.
-- Gives: now (milliseconds, never back), tick() (the next stamp), keep() (writes the clock), again, origin.
local MOST_AHEAD_MS = 60000
local STAMPS_PER_MS = 32

local their_epoch, seen, elsewhere, known, given, again, origin =
  string.match(ARGV[1], '^(%S+) (%d+) (%d+) (%d+) (%S+) (%S+) (%S+)$')
seen, elsewhere, again = tonumber(seen), tonumber(elsewhere), tonumber(again)

local clock = redis.call('GET', KEYS[1])
if not clock then
  return redis.error_reply('LOST the slot is empty')
end
local epoch, latest, stamp, news, horizon = string.match(clock, '^(%S+) (%d+) (%d+) (%d+) (%d+)$')
if epoch ~= their_epoch then
  return redis.error_reply('EPOCH ' .. epoch)
end
latest, stamp, news, horizon = tonumber(latest), tonumber(stamp), tonumber(news), tonumber(horizon)
if stamp < tonumber(known) then
  return redis.error_reply('LOST the slot has forgotten what it once told')
end

local time = tonumber(given)
if not time then
  local parts = redis.call('TIME')
  time = parts[1] * 1000 + math.floor(parts[2] / 1000)
end
-- Follows what the caller saw elsewhere, but no clock that has run away.
if seen - time > MOST_AHEAD_MS then
  seen = 0
end
if elsewhere - time * STAMPS_PER_MS > MOST_AHEAD_MS * STAMPS_PER_MS then
  elsewhere = 0
end
local now = math.max(time, latest, seen)

local function tick()
  stamp = math.max(now * STAMPS_PER_MS, stamp + 1, elsewhere + 1)
  return stamp
end

local function whole(number)
  return string.format('%.0f', number)
end

local function keep()
  redis.call('SET', KEYS[1], string.format('%s %.0f %.0f %.0f %.0f', epoch, now, stamp, news, horizon))
end
