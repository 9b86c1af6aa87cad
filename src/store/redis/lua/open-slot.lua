-- Opens a slot: makes it where there is none, and takes it into the epoch of the store.
-- KEYS: 1 the slot's clock. ARGV: 1 the epoch, 2 a time and 3 a stamp that it must not fall behind, 4 an epoch that is
--   to be left behind, `*` for any, or empty: a slot of any other epoch keeps its own and says so.
-- Returns: the epoch in force, latest time, stamp, news.
local clock = redis.call('GET', KEYS[1])
local epoch, latest, stamp, news, horizon
if clock then
  epoch, latest, stamp, news, horizon = string.match(clock, '^(%S+) (%d+) (%d+) (%d+) (%d+)$')
end
if not clock or epoch == ARGV[4] or ARGV[4] == '*' then
  epoch = ARGV[1]
end
latest = math.max(tonumber(latest or 0), tonumber(ARGV[2]))
stamp = math.max(tonumber(stamp or 0), tonumber(ARGV[3]))
news = tonumber(news or 0)
redis.call('SET', KEYS[1],
  string.format('%s %.0f %.0f %.0f %.0f', epoch, latest, stamp, news, tonumber(horizon or 0)))
return { epoch, latest, stamp, news }
