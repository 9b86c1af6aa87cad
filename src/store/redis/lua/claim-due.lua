-- Lends out external leases that are due to be killed at their targets.
-- ARGV: 8 at most so many, 9 for how long (milliseconds), 10 the claim of this call.
-- Returns: 1, now, stamp, then chance and record of each.
local until_when = now + tonumber(ARGV[9])
local answer = { 1, now, stamp }
for _, chance in ipairs(redis.call('ZRANGEBYSCORE', key('due'), '-inf', whole(now), 'LIMIT', 0, ARGV[8])) do
  local lease, terms = read_lease(chance)
  lease.l, lease.j = ARGV[10], now
  redis.call('ZADD', key('due'), whole(until_when), chance)
  answer[#answer + 1] = chance
  answer[#answer + 1] = write_lease(chance, lease, terms)
end
keep()
return answer
