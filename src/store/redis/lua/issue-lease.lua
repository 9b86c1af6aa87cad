-- Issues a lease, or reserves one: the point in time of issuance (invariants 1 and 2). On every agent's path.
-- ARGV: 8 task, 9 its opening as the caller knows it or empty, 10 milliseconds to live, 11 state (`active` or
--   `reserved`), 12 milliseconds for the mint or empty, 13 chance, 14 what stands in the head beside state and times,
--   without braces, 15 terms, 16 facts, 17 the lease's name up to its time, 18 the rest of it, then what bars it,
--   an empty argument, and whose lists it goes into.
-- Returns: 1, now, stamp, issued at, expires at.
local id, chance, facts = ARGV[8], ARGV[13], ARGV[16]

local task = read_task(id)
if not task then
  return refuse(facts, 'task_unknown', 'no task ' .. id)
end
if ARGV[9] ~= '' and task.a ~= tonumber(ARGV[9]) then
  return redis.error_reply('STALE the task is another one now')
end
local known = ARGV[6] ~= '' and redis.call('HGET', key('leases'), chance)
if known then
  -- Said again after a broken connection: issued already, in the same script as its event.
  local lease = cjson.decode((split(known)))
  return { 1, now, stamp, lease.i, lease.x }
end
if not is_open(task) then
  return refuse(facts, 'task_closed', 'the task is ' .. task.s)
end

local bars, last = {}, 19
while ARGV[last] ~= '' do
  bars[#bars + 1] = ARGV[last]
  last = last + 1
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

local expires = math.floor(math.min(now + tonumber(ARGV[10]), task.d) / 1000) * 1000
if expires <= now then
  return refuse(facts, 'task_ending', 'less than a second of the task is left')
end

local head = '{"i":' .. whole(now) .. ',"x":' .. whole(expires) .. ',' .. ARGV[14]
local reserved = ARGV[11] == 'reserved'
local mint_deadline = reserved and now + tonumber(ARGV[12])
if reserved then
  head = head .. ',"e":1,"s":"reserved","m":' .. whole(mint_deadline)
end
if redis.call('HSETNX', key('leases'), chance, head .. '}\n' .. ARGV[15]) == 0 then
  -- An attempt that was given up for lost arrives after the one that was made in its place: it changes nothing.
  local lease = cjson.decode((split(redis.call('HGET', key('leases'), chance))))
  return { 1, now, stamp, lease.i, lease.x }
end
if reserved then
  redis.call('ZADD', key('external'), whole(math.min(mint_deadline, expires)), chance)
  count_unsettled(id, 1)
end
redis.call('RPUSH', key('issued'), chance)
redis.call('RPUSH', key('of', id), chance)
for index = last + 1, #ARGV do
  redis.call('RPUSH', key('by', ARGV[index]), chance)
end
end_in(chance, expires)

permit(facts, '"taskId":"' .. id .. '","leaseId":"' .. ARGV[17] .. base32(now) .. ARGV[18]
  .. '","detail":{"expires_at":' .. whole(expires) .. (reserved and ',"stage":"reserved"}' or '}'))
keep()
return { 1, now, stamp, now, expires }
