-- Forgets what is past its retention: leases, moot kills, denials, tasks, events. A task keeps the count of its leases.
-- ARGV: 2 for how long ended leases are kept, 3 closed tasks, 4 events (milliseconds), 5 at most so many of each,
--   6 verifiers' skew (milliseconds).
-- Returns: 1, now, stamp, how many went.
local lease_bound, task_bound, audit_bound = now - ARGV[2], now - ARGV[3], now - ARGV[4]
local limit, skew = tonumber(ARGV[5]), tonumber(ARGV[6])
local HOUR_MS = 3600000
local gone = 0

local tasks, terms_of = {}, {}
local function task_of(id)
  if tasks[id] == nil then
    local task, terms = read_task(id)
    tasks[id], terms_of[id] = task or false, terms
  end
  return tasks[id]
end

-- Leases are let go in about the order of their issuance, so a list loses its oldest first; what went before its
-- elders leaves a gap until they have gone too.
local trimmed = {}
local function trim(list)
  trimmed[list] = true
end

-- One that stays for long, because its target has not let go, must not keep all the places behind it.
local BLOCK = 64
local function close_gaps(list)
  local block = redis.call('LRANGE', list, 0, BLOCK - 1)
  local living = {}
  for _, chance in ipairs(block) do
    if redis.call('HEXISTS', key('leases'), chance) == 1 then
      living[#living + 1] = chance
    end
  end
  if #living > #block / 2 or #living == 0 then
    return
  end
  redis.call('LPOP', list, #block)
  for index = #living, 1, -1 do
    redis.call('LPUSH', list, living[index])
  end
end

local function trim_all()
  for list in pairs(trimmed) do
    local oldest = redis.call('LINDEX', list, 0)
    while oldest and redis.call('HEXISTS', key('leases'), oldest) == 0 do
      redis.call('LPOP', list)
      oldest = redis.call('LINDEX', list, 0)
    end
    local head = oldest and read_lease(oldest)
    if head and head.e and head.x <= lease_bound then
      close_gaps(list)
    end
  end
end

local function forget_lease(chance, minute)
  local lease = read_lease(chance)
  if not lease or minute_of(lease.x) > minute then
    return -- gone already, or renewed and listed in a later minute
  end
  local over = lease.f or (lease.n and lease.n.forced and lease.n.forced.at)
  if lease.e and not (over and over <= lease_bound) then
    -- Its credential may still be at the target, or was let go of a short while ago: looked at again later.
    local revisit = whole(minute_of(over or now + HOUR_MS))
    redis.call('RPUSH', key('ending', revisit), chance)
    redis.call('ZADD', key('ends'), revisit, revisit)
    return
  end
  local task = task_of(lease.t)
  if task then
    local ending = ending_of(lease, task)
    local state = lease.s or (ending and ending.cause ~= 'ttl' and 'revoked' or 'expired')
    local count = state == 'revoked' and 'r' or 'x'
    task[count] = (task[count] or 0) + 1
  end
  redis.call('HDEL', key('leases'), chance)
  gone = gone + 1
  trim(key('issued'))
  trim(key('of', lease.t))
  trim(key('by', lease.a))
  for _, actor in ipairs(lease.c or {}) do
    trim(key('by', actor))
  end
end

local last_minute = math.floor(lease_bound / MINUTE_MS)
local looked = 0
for _, minute in ipairs(redis.call('ZRANGEBYSCORE', key('ends'), '-inf', last_minute, 'LIMIT', 0, 10)) do
  while looked < limit do
    local chance = redis.call('LPOP', key('ending', minute))
    if not chance then
      redis.call('ZREM', key('ends'), minute)
      break
    end
    looked = looked + 1
    forget_lease(chance, tonumber(minute))
  end
end
trim_all()

-- A status list goes as a whole, when every lease of it is forgotten: whoever was adding to it begins another.
local function forget_listed(list, standing)
  local from, of = string.match(standing, '^(%d+) (%S+)$')
  local chances = redis.call('LRANGE', key('listed', list), from, from + limit - 1)
  local forgotten = 0
  for _, chance in ipairs(chances) do
    if redis.call('HEXISTS', key('leases'), chance) == 1 then
      break
    end
    forgotten = forgotten + 1
  end
  if forgotten == #chances and #chances < limit then
    local current = redis.call('HGET', key('listing'), 'current:' .. of)
    if current and string.match(current, '^%d+') == list then
      redis.call('HDEL', key('listing'), 'current:' .. of)
    end
    redis.call('HDEL', key('listing'), 'list:' .. list)
    redis.call('DEL', key('listed', list))
    gone = gone + 1
  elseif forgotten > 0 then
    redis.call('HSET', key('listing'), 'list:' .. list, whole(from + forgotten) .. ' ' .. of)
  end
end

local listing = redis.call('HGETALL', key('listing'))
for at = 1, #listing, 2 do
  local list = string.match(listing[at], '^list:(%d+)$')
  if list then
    forget_listed(list, listing[at + 1])
  end
end

for id, task in pairs(tasks) do
  if task then
    write_task(id, task, terms_of[id])
  end
end

for _, selector in ipairs(redis.call('ZRANGEBYSCORE', key('moot'), '-inf', whole(now), 'LIMIT', 0, limit)) do
  -- A wide selector tells how leases ended for as long as one of those is on record.
  if looked < limit or redis.call('HDEL', key('kills'), selector) == 1 then
    redis.call('HDEL', key('kills'), selector)
    redis.call('HDEL', key('wide'), selector)
    redis.call('ZREM', key('moot'), selector)
    gone = gone + 1
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('closed'), '-inf', whole(task_bound), 'LIMIT', 0, limit)) do
  local task = task_of(id)
  local later
  if task and task.d + skew > now then
    later = task.d + skew - now
  elseif task and (task.s ~= 'settled' or redis.call('EXISTS', key('of', id)) == 1) then
    later = HOUR_MS
  end
  if later then
    redis.call('ZADD', key('closed'), whole(task_bound + later), id)
  else
    redis.call('HDEL', key('tasks'), id)
    redis.call('ZREM', key('closed'), id)
    redis.call('ZREM', key('ids'), id)
    redis.call('ZREM', key('opened'), id)
    redis.call('DEL', key('bound', id), key('facts', id))
    redis.call('HDEL', key('contexts'), id)
    redis.call('ZREM', key('reviews'), id)
    gone = gone + 1
  end
end

gone = gone + forget_denials(lease_bound, limit)

-- By whole nodes of the stream first, which costs next to nothing; what is left over is less than one node.
local bound = whole(audit_bound + 1)
local events = redis.call('XTRIM', key('audit'), 'MINID', '~', bound, 'LIMIT', 100 * limit)
if events == 0 then
  events = redis.call('XTRIM', key('audit'), 'MINID', '=', bound)
end
keep()
return { 1, now, stamp, gone + events }
