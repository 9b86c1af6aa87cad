-- Opens a task, or gives the one that the same body opened before.
-- ARGV: 2 id, 3 parent or empty, 4 orchestrator, 5 digest of the body, 6 milliseconds to live, 7 terms, 8 request,
--   9 facts, 10 why the id is not allowed or empty, 11 how many may be open in the tree or empty.
-- Returns: 1, now, stamp, whether it was created (1 or 0), record.
local id, parent, orchestrator, digest, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local terms, request, facts, misplaced = ARGV[7], ARGV[8], ARGV[9], ARGV[10]

local function opened(record, created, deadline)
  permit(facts, '"taskId":' .. cjson.encode(id) .. ',"detail":{"created":' .. (created and 'true' or 'false')
    .. ',"deadline":' .. whole(deadline) .. '}')
  keep()
  return { 1, now, stamp, created and 1 or 0, record }
end

local known = read_task(id)
if known then
  if known.b ~= digest or known.o ~= orchestrator then
    return refuse(facts, 'task_conflict',
      'the id belongs to a task that was opened with another body or by somebody else')
  end
  return opened(redis.call('HGET', key('tasks'), id), again and known.q == request, known.d)
end
if misplaced ~= '' then
  return refuse(facts, 'task_id_not_allowed', misplaced)
end
local deadline = now + ttl
if parent ~= '' then
  local above = read_task(parent)
  if not above then
    return refuse(facts, 'parent_unknown', 'no task ' .. parent)
  end
  if not is_open(above) then
    return refuse(facts, 'task_closed', 'the parent ' .. parent .. ' is closed')
  end
  deadline = math.min(deadline, above.d)
end
-- A kill may name a task before it is there, and a store that lost the task may have been told of its kill.
local kill = redis.call('HGET', key('kills'), 'task:' .. id)
if kill and cjson.decode(kill).mootAt > now then
  return refuse(facts, 'task_closed', id .. ' was revoked')
end

-- A close walks all that is open of a tree. A root is the first of its own.
local root = string.match(id, '^[^.]+')
if ARGV[11] ~= '' and root ~= id then
  -- What comes after a dot in ASCII bounds the range, as in `close_tree`.
  local open = redis.call('ZLEXCOUNT', key('openIds'), '[' .. root .. '.', '(' .. root .. '/')
  if redis.call('ZSCORE', key('openIds'), root) then
    open = open + 1
  end
  if open >= tonumber(ARGV[11]) then
    return refuse(facts, 'too_many_children', open .. ' tasks are open in the tree of ' .. root)
  end
end

local record = write_task(id, { o = orchestrator, b = digest, a = now, d = deadline, s = 'open', q = request }, terms)
redis.call('ZADD', key('ids'), 0, id)
redis.call('ZADD', key('openIds'), 0, id)
redis.call('ZADD', key('opened'), whole(now), id)
redis.call('ZADD', key('open'), whole(deadline), id)
return opened(record, true, deadline)
