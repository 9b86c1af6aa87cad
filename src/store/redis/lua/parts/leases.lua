-- Writing leases, and what has to be looked up to find them again.
local MINUTE_MS = 60000

local function write_lease(chance, lease, terms)
  local record = cjson.encode(lease) .. '\n' .. terms
  redis.call('HSET', key('leases'), chance, record)
  return record
end

-- The minute by the end of which it has ended.
local function minute_of(time)
  return math.ceil(time / MINUTE_MS)
end

-- Puts the lease among those that end in its minute, to be forgotten when their retention is over.
local function end_in(chance, expires)
  local minute = whole(minute_of(expires))
  if redis.call('RPUSH', key('ending', minute), chance) == 1 then
    redis.call('ZADD', key('ends'), minute, minute)
  end
  horizon = math.max(horizon, expires)
end

-- External leases that somebody has still to account for, in the task and in all above it.
local function count_unsettled(id, change)
  while id do
    local task, terms = read_task(id)
    if task then
      task.u = (task.u or 0) + change
      if task.s == 'closed' and task.u == 0 then
        task.s = 'settled'
        task.e = now
      end
      write_task(id, task, terms)
    end
    id = parent_of(id)
  end
end

-- Writes down how an external lease ended, and makes it due to be killed at once. A mint that may still be under
-- way keeps its deadline: see settle-lease.lua.
local function record_ending(chance, lease, terms, ending)
  lease.s = 'revoking'
  lease.n = ending
  redis.call('ZREM', key('external'), chance)
  redis.call('ZADD', key('due'), whole(now), chance)
  return write_lease(chance, lease, terms)
end

-- Ends a lease by a kill that names it. Of a token that is all; an external credential is then due to be killed.
local function end_by_name(chance, lease, terms, id, kill)
  local ending = { at = kill.at, cause = 'lease', name = id, reason = kill.reason, requestId = kill.requestId }
  if lease.e then
    record_ending(chance, lease, terms, ending)
  else
    lease.s, lease.n, lease.f = 'revoked', ending, now
    write_lease(chance, lease, terms)
  end
end
