-- Counts the leases of one list that are alive, from its end: newest first.
-- ARGV: 2 name of the list, 3 what it is of, 4 how many places of its end to pass over, 5 how many to look at,
--   6 the agent whose they must be or empty.
-- Returns: 1, now, stamp, how many places there were to look at, how many leases are alive.
local first = -1 - tonumber(ARGV[4])
local chances = redis.call('LRANGE', key(ARGV[2], ARGV[3]), first - tonumber(ARGV[5]) + 1, first)
local count, tasks = 0, {}
for _, chance in ipairs(chances) do
  local lease = read_lease(chance)
  if lease and (not lease.s or lease.s == 'reserved') and (ARGV[6] == '' or lease.a == ARGV[6]) then
    tasks[lease.t] = tasks[lease.t] or read_task(lease.t) or {}
    if not ending_of(lease, tasks[lease.t]) then
      count = count + 1
    end
  end
end
return { 1, now, stamp, #chances, count }
