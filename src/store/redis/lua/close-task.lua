-- Closes a task and all below it: writes tasks and one selector, never a lease (invariant 1).
-- ARGV: 2 id, 3 outcome, 4 by, 5 reason or empty, 6 request, 7 facts, 8 verifiers' skew (milliseconds),
--   9 `kill` where a selector names the task, known or not, or empty.
-- Returns: 1, now, stamp, record of the task or empty, the kill of its selector or empty.
local id, facts, skew, kill = ARGV[2], ARGV[7], tonumber(ARGV[8]), ARGV[9] == 'kill'
local closing = { at = now, outcome = ARGV[3], by = ARGV[4], requestId = ARGV[6] }
if ARGV[5] ~= '' then
  closing.reason = ARGV[5]
end
if kill then
  -- A millisecond of its own: what ended before can then be told from what ends now.
  now = math.max(now, latest + 1, seen + 1)
  closing.at = now
end

local function named(at)
  return '"detail":{"select":' .. cjson.encode('task:' .. id) .. ',"at":' .. whole(at) .. '}'
end

local task = read_task(id)
if not task then
  if not kill then
    return refuse(facts, 'task_unknown', 'no task ' .. id)
  end
  local entry = { mootAt = math.max(now, horizon) + skew, at = now, by = closing.by,
    reason = closing.reason, requestId = closing.requestId }
  local known = redis.call('HGET', key('kills'), 'task:' .. id)
  known = known and cjson.decode(known)
  -- What names something that is over for good is not said twice.
  entry = known and known.mootAt > now and known or add_kill('task:' .. id, entry)
  permit(facts, named(entry.at))
  keep()
  return { 1, now, stamp, '', cjson.encode(entry) }
end

if task.s == 'open' then
  close_tree(id, closing)
  task = read_task(id)
end
local entry = { mootAt = task.d + skew, at = task.c.at, by = task.c.by, reason = task.c.reason,
  requestId = task.c.requestId }
-- Nothing outlives a deadline by itself: a selector is needed only for an end that comes before it.
if task.c.outcome ~= 'expired' and entry.mootAt > now then
  add_kill('task:' .. id, entry)
end
if kill then
  permit(facts, named(entry.at))
else
  permit(facts, '"taskId":' .. cjson.encode(id) .. ',"detail":{"outcome":"' .. task.c.outcome
    .. '","closed_at":' .. whole(task.c.at) .. '}')
end
keep()
return { 1, now, stamp, redis.call('HGET', key('tasks'), id), cjson.encode(entry) }
