-- The first half of a wide kill in one slot: from here on nothing is issued at or before the time that it answers, and
-- nothing at all to what is barred.
-- ARGV: 2 what is barred (`agent:<name>`, `key:<kid>`) or empty, 3 why, as JSON.
-- Returns: 1, now, stamp, horizon.
now = math.max(now, latest + 1, seen + 1)
if ARGV[2] ~= '' then
  redis.call('HSETNX', key('barred'), ARGV[2], ARGV[3])
end
tick()
keep()
return { 1, now, stamp, horizon }
