-- The mint failed, or nobody knows whether it did: due to be revoked, once more after the mint's deadline.
-- ARGV: 2 chance, 3 id, 4 cause, 5 facts.
-- Returns: 1, now, stamp.
local chance, id, cause, facts = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local lease, terms = read_lease(chance)
if lease and lease.s == 'reserved' then
  record_ending(chance, lease, terms, ending_of(lease, read_task(lease.t)) or { at = now, cause = cause })
end
tell(facts, '"outcome":"failed","leaseId":"' .. id .. '","detail":{"stage":"' .. cause .. '"}}')
keep()
return { 1, now, stamp }
