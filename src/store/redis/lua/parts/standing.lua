-- How a lease stands: the rule of `standing` and `killerOf` in the domain, where a transition has to decide by it.
local function read_lease(chance)
  local record = redis.call('HGET', key('leases'), chance)
  if not record then
    return nil
  end
  local head, terms = split(record)
  return cjson.decode(head), terms, record
end

-- The earliest of the kills that name the lease: its task's end, or a wide selector.
local function killer_of(lease, task)
  local earliest
  if task and task.c then
    local c = task.c
    earliest = { at = c.at, cause = 'task', name = lease.t, reason = c.reason, requestId = c.requestId }
  end
  if redis.call('EXISTS', key('wide')) == 0 then
    return earliest
  end
  local named = { 'all', 'agent:' .. lease.a, 'tool:' .. lease.o, 'trust:' .. lease.r }
  for _, actor in ipairs(lease.c or {}) do
    named[#named + 1] = 'agent:' .. actor
  end
  if lease.k then
    named[#named + 1] = 'key:' .. lease.k
  end
  local found = redis.call('HMGET', key('wide'), unpack(named))
  for index, selector in ipairs(named) do
    for _, kill in ipairs(found[index] and cjson.decode(found[index]) or {}) do
      local reaches = not kill.cutoff or lease.i <= kill.cutoff
      if reaches and (not earliest or kill.at < earliest.at
        or (kill.at == earliest.at and earliest.cause == 'task')) then
        local kind, name = string.match(selector, '^(%a+):?(.*)$')
        earliest = { at = kill.at, cause = kind, name = name, reason = kill.reason, requestId = kill.requestId }
      end
    end
  end
  return earliest
end

-- What has ended the lease by now, or nil. A kill that came after it had run out ended nothing.
local function ending_of(lease, task)
  if lease.n then
    return lease.n
  end
  local killer = killer_of(lease, task)
  if killer and killer.at < lease.x then
    return killer
  end
  if now >= lease.x then
    return { at = lease.x, cause = 'ttl' }
  end
  return nil
end
