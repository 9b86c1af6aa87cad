-- Activates a reserved lease after the mint; one that was killed meanwhile is due to be killed at its target instead.
-- ARGV: 2 chance, 3 id, 4 when the target ends it (milliseconds, whole seconds) or empty, 5 sealed secret or empty,
--   6 request, 7 facts.
-- Returns: 1, now, stamp, record.
local chance, id, target_end, sealed = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local request, facts = ARGV[6], ARGV[7]

local lease, terms, record = read_lease(chance)
if not lease then
  return refuse(facts, 'lease_unknown', 'no lease ' .. id)
end
if again and not lease.s and lease.q == request then
  return { 1, now, stamp, record }
end
local expires = math.min(lease.x, target_end or lease.x)
local ending = ending_of(lease, read_task(lease.t))
if not ending and lease.s == 'reserved' then
  if now >= lease.m then
    ending = { at = now, cause = 'mint_unknown' }
  elseif now >= expires then
    ending = { at = now, cause = 'ttl' }
  end
end
if ending then
  -- The mint is over, so one kill from now on is enough; one that is under way may have come before the mint, and
  -- confirms nothing. An activation that is said again finds the mint over already, and changes nothing.
  if (lease.s == 'reserved' or lease.s == 'revoking') and lease.m then
    lease.m, lease.l = nil, nil
    lease.z = sealed ~= '' and sealed or lease.z
    record_ending(chance, lease, terms, ending)
  end
  return refuse(facts, 'lease_ended', 'the lease is over: ' .. ending.cause)
end
if lease.s ~= 'reserved' then
  return refuse(facts, 'lease_ended', 'the lease is ' .. (lease.s or 'active'))
end
lease.s, lease.m, lease.x, lease.q = nil, nil, expires, request
if sealed ~= '' then
  lease.z = sealed
end
record = write_lease(chance, lease, terms)
redis.call('ZADD', key('external'), whole(expires), chance)
permit(facts, '"taskId":"' .. lease.t .. '","leaseId":"' .. id .. '","detail":{"expires_at":' .. whole(expires)
  .. ',"stage":"active"}')
keep()
return { 1, now, stamp, record }
