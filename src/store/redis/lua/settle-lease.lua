-- What became of a kill at its target.
-- ARGV: 8 chance, 9 id, 10 claim, 11 `confirmed`, `failed` or `irrevocable`, 12 milliseconds to the next attempt,
--   13 the error as JSON, 14 request.
-- Returns: 1, now, stamp, whether the claim still held (1 or 0).
local chance, id, claim, how = ARGV[8], ARGV[9], ARGV[10], ARGV[11]

local lease, terms = read_lease(chance)
if ARGV[6] ~= '' and lease and lease.h == claim then
  return { 1, now, stamp, 1 }
end
if not lease or lease.l ~= claim then
  return { 1, now, stamp, 0 }
end
lease.l, lease.h = nil, claim
if how == 'failed' then
  lease.g = (lease.g or 0) + 1
  redis.call('ZADD', key('due'), whole(now + tonumber(ARGV[12])), chance)
  write_lease(chance, lease, terms)
elseif how == 'confirmed' and lease.m and lease.j < lease.m then
  -- A late mint may have come to be after a kill that began before its deadline: once more when it no longer can.
  redis.call('ZADD', key('due'), whole(math.max(lease.m, now)), chance)
  write_lease(chance, lease, terms)
else
  lease.z = nil
  lease.s = 'irrevocable'
  if how == 'confirmed' then
    lease.f = now
    lease.s = lease.n.cause == 'ttl' and 'expired' or 'revoked'
  end
  redis.call('ZREM', key('due'), chance)
  write_lease(chance, lease, terms)
  local facts = '{"requestId":"' .. ARGV[14] .. '","action":"lease.settle","taskId":"' .. lease.t
    .. '","leaseId":"' .. id .. '","tool":' .. cjson.encode(lease.o) .. ',"detail":{}}'
  if how == 'confirmed' then
    permit(facts, '"detail":{"state":"' .. lease.s .. '"}')
  else
    tell(facts, '"outcome":"failed","detail":{"state":"irrevocable","error":' .. ARGV[13] .. '}}')
  end
  count_unsettled(lease.t, -1)
end
keep()
return { 1, now, stamp, 1 }
