-- What became of a kill at its target.
-- ARGV: 2 chance, 3 id, 4 claim, 5 `accepted`, `confirmed`, `failed`, `deferred` or `irrevocable`, 6 milliseconds to the next
--   attempt, 7 the error as JSON, 8 request.
-- Returns: 1, now, stamp, whether the claim still held (1 or 0).
local chance, id, claim, how = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local lease, terms = read_lease(chance)
if again and lease and lease.h == claim then
  return { 1, now, stamp, 1 }
end
if not lease or lease.l ~= claim then
  return { 1, now, stamp, 0 }
end
lease.l, lease.h = nil, claim
if how == 'failed' or how == 'deferred' or how == 'accepted' then
  if how == 'failed' then
    lease.g = (lease.g or 0) + 1
  elseif how == 'accepted' then
    lease.d = now
  end
  redis.call('ZADD', key('due'), whole(now + tonumber(ARGV[6])), chance)
  write_lease(chance, lease, terms)
elseif how == 'confirmed' and lease.m and lease.j < lease.m then
  -- A late mint may have come to be after a kill that began before its deadline: once more when it no longer can.
  redis.call('ZADD', key('due'), whole(math.max(lease.m, now)), chance)
  write_lease(chance, lease, terms)
else
  if how == 'confirmed' then
    lease.f, lease.z = now, nil
    lease.s = lease.n.cause == 'ttl' and 'expired' or 'revoked'
  else
    -- It keeps its secret: without it, it could not be tried again.
    lease.s = 'irrevocable'
    redis.call('ZADD', key('irrevocable'), whole(now), chance)
  end
  redis.call('ZREM', key('due'), chance)
  write_lease(chance, lease, terms)
  local facts = '{"requestId":"' .. ARGV[8] .. '","action":"lease.settle","taskId":"' .. lease.t
    .. '","leaseId":"' .. id .. '","tool":' .. cjson.encode(lease.o) .. ',"detail":{}}'
  if how == 'confirmed' then
    permit(facts, '"detail":{"state":"' .. lease.s .. '"}')
  else
    tell(facts, '"outcome":"failed","detail":{"state":"irrevocable","error":' .. ARGV[7] .. '}}')
  end
  count_unsettled(lease.t, -1)
end
keep()
return { 1, now, stamp, 1 }
