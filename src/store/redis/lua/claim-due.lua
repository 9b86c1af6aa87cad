-- Lends out external leases that are due to be killed at their targets.
-- ARGV: 2 at most so many, 3 for how long (milliseconds), 4 the claim of this call.
-- Returns: 1, now, stamp, then chance and record of each.
local until_when, claim = now + tonumber(ARGV[3]), ARGV[4]
local answer = { 1, now, stamp }
local function lend(chance, lease, terms)
  lease.l, lease.j = claim, now
  redis.call('ZADD', key('due'), whole(until_when), chance)
  answer[#answer + 1] = chance
  answer[#answer + 1] = write_lease(chance, lease, terms)
end

if again then
  -- What the attempt that was not heard of has lent.
  for _, chance in ipairs(redis.call('ZRANGE', key('due'), 0, -1)) do
    local lease, terms = read_lease(chance)
    if lease and lease.l == claim then
      lend(chance, lease, terms)
    end
  end
end
local room = tonumber(ARGV[2]) - (#answer - 3) / 2
for _, chance in ipairs(redis.call('ZRANGEBYSCORE', key('due'), '-inf', whole(now), 'LIMIT', 0, math.max(0, room))) do
  local lease, terms = read_lease(chance)
  if lease then
    lend(chance, lease, terms)
  else
    redis.call('ZREM', key('due'), chance)
  end
end
keep()
return answer
