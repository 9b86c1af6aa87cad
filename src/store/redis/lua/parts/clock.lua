-- The slot's clock, and whether this slot is the one that the caller knows.
-- ARGV: 1 epoch, 2 the latest time and 3 the latest stamp that the caller has seen anywhere, 4 the latest stamp that
--   it knows of this slot, 5 the time instead of Redis' own or empty, 6 the stamp before the first attempt of a call
--   that is made again or empty, 7 who is calling.
-- Gives: now (milliseconds, never back), tick() (the next stamp), keep() (writes the clock).
local MOST_AHEAD_MS = 60000
local STAMPS_PER_MS = 32

local clock = redis.call('GET', KEYS[1])
if not clock then
  return redis.error_reply('LOST the slot is empty')
end
local epoch, latest, stamp, news, horizon = string.match(clock, '^(%S+) (%d+) (%d+) (%d+) (%d+)$')
if epoch ~= ARGV[1] then
  return redis.error_reply('EPOCH ' .. epoch)
end
latest, stamp, news, horizon = tonumber(latest), tonumber(stamp), tonumber(news), tonumber(horizon)
if stamp < tonumber(ARGV[4]) then
  return redis.error_reply('LOST the slot has forgotten what it once told')
end

local time = tonumber(ARGV[5])
if not time then
  local parts = redis.call('TIME')
  time = parts[1] * 1000 + math.floor(parts[2] / 1000)
end
local seen = tonumber(ARGV[2])
-- Follows what the caller saw elsewhere, but no clock that has run away.
if seen - time > MOST_AHEAD_MS then
  seen = 0
end
local now = math.max(time, latest, seen)

local function tick()
  local elsewhere = tonumber(ARGV[3])
  if elsewhere - time * STAMPS_PER_MS > MOST_AHEAD_MS * STAMPS_PER_MS then
    elsewhere = 0
  end
  stamp = math.max(now * STAMPS_PER_MS, stamp + 1, elsewhere + 1)
  return stamp
end

local function whole(number)
  return string.format('%.0f', number)
end

local function keep()
  redis.call('SET', KEYS[1], string.format('%s %.0f %.0f %.0f %.0f', epoch, now, stamp, news, horizon))
end
