-- An irrevocable lease ends `revoked` because somebody says so: nothing is confirmed by that.
-- ARGV: 2 chance, 3 id, 4 by, 5 reason as JSON, 6 request, 7 facts.
-- Returns: 1, now, stamp, record.
local chance, id, facts = ARGV[2], ARGV[3], ARGV[7]

local lease, terms, record = read_lease(chance)
if not lease then
  return refuse(facts, 'lease_unknown', 'no lease ' .. id)
end
if again and lease.n and lease.n.forced and lease.n.forced.requestId == ARGV[6] then
  return { 1, now, stamp, record }
end
if lease.s ~= 'irrevocable' then
  return refuse(facts, 'lease_not_irrevocable', 'it is not irrevocable')
end
lease.s, lease.z = 'revoked', nil
lease.n.forced = { at = now, by = ARGV[4], reason = cjson.decode('[' .. ARGV[5] .. ']')[1], requestId = ARGV[6] }
redis.call('ZREM', key('irrevocable'), chance)
record = write_lease(chance, lease, terms)
permit(facts, '"taskId":"' .. lease.t .. '","leaseId":"' .. id .. '","detail":{"state":"revoked"}')
keep()
return { 1, now, stamp, record }
