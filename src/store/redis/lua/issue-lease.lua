-- Issues a lease, or reserves one: the point in time of issuance (invariants 1 and 2). On every agent's path.
-- ARGV: 2 task, 3 its opening as the caller knows it or empty, 4 milliseconds to live, 5 milliseconds for the mint, or
--   empty where there is none, 6 chance, 7 the record behind its first members, 8 facts, 9 empty, or four lines: the
--   version of the context that was decided on, what the tree holds then as JSON, the digest of the facts about the
--   principal or nothing, those facts or nothing where they are there; then what bars it: the agent, whoever it acts for (`agent:<name>`), the key
--   (`key:<kid>`); then `listed:<entries of a status list>` where it is to have one; and at the end, where the first instance that gets a lease in the tree is the only one,
--   `of_agent:<kind>:<id>`, or `of_tree:<kind>:<id>` for all agents together.
-- Returns: 1, now, stamp, issued at, expires at, the version of the context, or -1 where it is not ours to say, and the
--   status list and the index there, where it has one; or 1, now, stamp, `changed`, root, record of the context.
local FIRST_BAR = 10
local id, chance, facts = ARGV[2], ARGV[6], ARGV[8]

local task = read_task(id)
if not task then
  return refuse(facts, 'task_unknown', 'no task ' .. id)
end
if ARGV[3] ~= '' and task.a ~= tonumber(ARGV[3]) then
  return redis.error_reply('STALE the task is another one now')
end
if not is_open(task) then
  return refuse(facts, 'task_closed', 'the task is ' .. task.s)
end

for index, barred in ipairs(redis.call('HMGET', key('barred'), unpack(ARGV, FIRST_BAR))) do
  if barred then
    local kind, name = string.match(ARGV[FIRST_BAR + index - 1], '^(%a+):(.*)$')
    if kind == 'agent' then
      return refuse(facts, 'agent_quarantined', name .. ' is in quarantine')
    end
    return refuse(facts, 'key_revoked', 'key ' .. name .. ' was revoked')
  end
end

local expires = math.floor(math.min(now + tonumber(ARGV[4]), task.d) / 1000) * 1000
if expires <= now then
  return refuse(facts, 'task_ending', 'less than a second of the task is left')
end

local root = root_of(id)
local version, holding, digest, about, context
if ARGV[9] ~= '' then
  version, holding, digest, about = string.match(ARGV[9], '^(%d+)\n([^\n]*)\n([^\n]*)\n(.*)$')
  context = read_context(root)
  -- An attempt before this one may have changed it itself: its lease is the answer.
  if version_of(context) ~= version and redis.call('HEXISTS', key('leases'), chance) == 0 then
    return { 1, now, stamp, 'changed', root, context }
  end
end

local whose, instance = string.match(ARGV[#ARGV], '^of_(%a+):(.*)$')
if whose then
  local bound = key('bound', root)
  local of = string.match(instance, '^%a+') .. (whose == 'agent' and string.sub(ARGV[FIRST_BAR], 6) or '')
  if redis.call('HSETNX', bound, of, instance) == 0 then
    local first = redis.call('HGET', bound, of)
    if first ~= instance then
      return refuse(facts, 'instance_mismatch', instance .. ', and the tree is bound to ' .. first)
    end
  end
end

local mint_deadline = ARGV[5] ~= '' and now + tonumber(ARGV[5])
local record = '{"i":' .. whole(now) .. ',"x":' .. whole(expires)
if mint_deadline then
  record = record .. ',"e":1,"s":"reserved","m":' .. whole(mint_deadline)
end
local entries = string.match(ARGV[#ARGV], '^listed:(%d+)$') or string.match(ARGV[#ARGV - 1], '^listed:(%d+)$')
local list, place
if entries then
  list, place = next_entry(tonumber(entries))
  record = record .. ',"v":"' .. list .. '","y":' .. whole(place)
end
if redis.call('HSETNX', key('leases'), chance, record .. ARGV[7]) == 0 then
  -- Said again after a broken connection, or an attempt that was given up for lost comes late: issued already, in the
  -- same script as its event.
  local lease = cjson.decode((split(redis.call('HGET', key('leases'), chance))))
  return { 1, now, stamp, lease.i, lease.x, -1, lease.v, lease.y }
end
if mint_deadline then
  redis.call('ZADD', key('external'), whole(math.min(mint_deadline, expires)), chance)
  count_unsettled(id, 1)
end
if list then
  redis.call('RPUSH', key('listed', list), chance)
end
redis.call('RPUSH', key('issued'), chance)
redis.call('RPUSH', key('of', id), chance)
for index = FIRST_BAR, #ARGV do
  if string.sub(ARGV[index], 1, 6) == 'agent:' then
    redis.call('RPUSH', key('by', string.sub(ARGV[index], 7)), chance)
  end
end
end_in(chance, expires)
local known = -1
if context then
  known = hold(root, context, holding)
  if digest ~= '' and about ~= '' then
    redis.call('HSETNX', key('facts', root), digest, about)
  end
end

permit(facts, '"taskId":"' .. id .. '","chance":"' .. chance .. '","detail":{"expires_at":' .. whole(expires)
  .. (mint_deadline and ',"stage":"reserved"}' or '}'))
keep()
return { 1, now, stamp, now, expires, known, list, place }
