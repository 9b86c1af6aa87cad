-- External leases past their time, and mints that nobody came back from: due to be killed at once.
-- ARGV: 2 at most so many.
-- Returns: 1, now, stamp, how many.
local lapsed = redis.call('ZRANGEBYSCORE', key('external'), '-inf', whole(now), 'LIMIT', 0, ARGV[2])
for _, chance in ipairs(lapsed) do
  local lease, terms = read_lease(chance)
  if not lease then
    redis.call('ZREM', key('external'), chance)
  else
    record_ending(chance, lease, terms, ending_of(lease, read_task(lease.t)) or { at = now, cause = 'mint_unknown' })
  end
end
keep()
return { 1, now, stamp, #lapsed }
