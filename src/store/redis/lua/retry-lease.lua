-- An irrevocable lease is due to be killed at its target again, with as many attempts as at first.
-- ARGV: 2 chance, 3 id, 4 facts.
-- Returns: 1, now, stamp, record.
local chance, id, facts = ARGV[2], ARGV[3], ARGV[4]

local lease, terms, record = read_lease(chance)
if not lease then
  return refuse(facts, 'lease_unknown', 'no lease ' .. id)
end
if again and lease.s ~= 'irrevocable' and told_before(facts) then
  return { 1, now, stamp, record }
end
if lease.s ~= 'irrevocable' then
  return refuse(facts, 'lease_not_irrevocable', 'it is not irrevocable')
end
lease.s, lease.g = 'revoking', nil
redis.call('ZREM', key('irrevocable'), chance)
redis.call('ZADD', key('due'), whole(now), chance)
record = write_lease(chance, lease, terms)
-- A task that is settled already stays so: what it was told is that this one was given up.
count_unsettled(lease.t, 1)
permit(facts, '"taskId":"' .. lease.t .. '","leaseId":"' .. id .. '","detail":{"state":"revoking"}')
keep()
return { 1, now, stamp, record }
