-- The mint failed, or nobody knows whether it did: due to be revoked, once more after the mint's deadline.
-- ARGV: 8 chance, 9 id, 10 cause, 11 facts.
-- Returns: 1, now, stamp.
local chance, id, cause, facts = ARGV[8], ARGV[9], ARGV[10], ARGV[11]

local lease, terms = read_lease(chance)
if lease and lease.s == 'reserved' then
  record_ending(chance, lease, terms, ending_of(lease, read_task(lease.t)) or { at = now, cause = cause })
end
tell(facts, '"outcome":"failed","leaseId":"' .. id .. '","detail":{"stage":"' .. cause .. '"}}')
keep()
return { 1, now, stamp }
