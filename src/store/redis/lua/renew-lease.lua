-- Renews a lease, for as long as its task still allows what was asked.
-- ARGV: 2 chance, 3 id, 4 agent, 5 milliseconds to live, 6 key or empty, 7 policy digest, 8 request, 9 facts,
--   10 what was decided on, or empty, as issue-lease.lua has it; 11 the basis of the decision as JSON, or empty.
-- Returns: 1, now, stamp, record, and the version of the context, or -1 where it is not ours to say; or 1, now, stamp, `changed`, root, record of the context.
local chance, id, agent, ttl = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local kid, digest, request, facts = ARGV[6], ARGV[7], ARGV[8], ARGV[9]

local lease, terms, record = read_lease(chance)
if not lease then
  return refuse(facts, 'lease_unknown', 'no lease ' .. id)
end
if again and lease.w == request then
  return { 1, now, stamp, record, -1 }
end
if lease.a ~= agent then
  return refuse(facts, 'lease_not_yours', 'it belongs to ' .. lease.a)
end
local task = read_task(lease.t)
local ending = ending_of(lease, task)
if ending or lease.s then
  local state = lease.s
  if ending and (not state or state == 'reserved') then
    state = lease.e and 'revoking' or (ending.cause == 'ttl' and 'expired' or 'revoked')
  end
  return refuse(facts, 'lease_ended', 'the lease is ' .. state)
end
if not task or not is_open(task) then
  return refuse(facts, 'task_closed', 'the task is ' .. (task and task.s or 'gone'))
end
lease.k = kid ~= '' and kid or lease.k
local bars = { 'agent:' .. lease.a }
for _, actor in ipairs(lease.c or {}) do
  bars[#bars + 1] = 'agent:' .. actor
end
if lease.k then
  bars[#bars + 1] = 'key:' .. lease.k
end
for index, barred in ipairs(redis.call('HMGET', key('barred'), unpack(bars))) do
  if barred then
    local kind, name = string.match(bars[index], '^(%a+):(.*)$')
    if kind == 'agent' then
      return refuse(facts, 'agent_quarantined', name .. ' is in quarantine')
    end
    return refuse(facts, 'key_revoked', 'key ' .. name .. ' was revoked')
  end
end

local root = root_of(lease.t)
local version, holding, basis, about = string.match(ARGV[10], '^(%d+)\n([^\n]*)\n([^\n]*)\n(.*)$')
local context = version and read_context(root)
if version and version_of(context) ~= version then
  return { 1, now, stamp, 'changed', root, context }
end

-- A renewal never takes time away: the credential handed out before stays good until its own exp.
local expires = math.max(math.floor(math.min(now + ttl, task.d) / 1000) * 1000, lease.x)
horizon = math.max(horizon, expires)
if minute_of(expires) ~= minute_of(lease.x) then
  end_in(chance, expires)
end
lease.x, lease.p, lease.w = expires, digest, request
if ARGV[11] ~= '' then
  lease.b = cjson.decode(ARGV[11])
end
if lease.e then
  redis.call('ZADD', key('external'), whole(expires), chance)
end
record = write_lease(chance, lease, terms)
permit(facts, '"taskId":"' .. lease.t .. '","leaseId":"' .. id .. '","detail":{"expires_at":' .. whole(expires) .. '}')
local known = -1
if version then
  known = hold(root, context, holding)
  if basis ~= '' then
    redis.call('HSETNX', key('facts', root), basis, about)
  end
end
keep()
return { 1, now, stamp, record, known }
