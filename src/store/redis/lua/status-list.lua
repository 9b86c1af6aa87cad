-- Tells which leases of a status list are alive, of those that stand at the given indexes.
-- ARGV: 2 the list, then indexes.
-- Returns: 1, now, stamp, how many entries of it have been given (0: there is no such list), the indexes that are alive.
local list = key('listed', ARGV[2])
local answer, tasks = { 1, now, stamp, redis.call('LLEN', list) }, {}
for at = 3, #ARGV do
  local chance = redis.call('LINDEX', list, ARGV[at])
  local lease = chance and read_lease(chance)
  if lease and not lease.s then
    tasks[lease.t] = tasks[lease.t] or read_task(lease.t) or {}
    if not ending_of(lease, tasks[lease.t]) then
      answer[#answer + 1] = tonumber(ARGV[at])
    end
  end
end
return answer
