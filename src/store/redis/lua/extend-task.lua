-- Gives a task a later deadline, within its parent's.
-- ARGV: 2 id, 3 deadline, 4 the longest it may last (milliseconds), 5 request, 6 facts.
-- Returns: 1, now, stamp, record.
local id, deadline, most, request, facts = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]

local task, terms = read_task(id)
if not task then
  return refuse(facts, 'task_unknown', 'no task ' .. id)
end
local done_before = again and task.w == request
if not done_before then
  if not is_open(task) then
    return refuse(facts, 'task_closed', 'the task is ' .. task.s)
  end
  if deadline > task.a + most then
    return refuse(facts, 'task_ttl_exceeded', 'a task may last ' .. ARGV[4] .. ' ms from its opening')
  end
  local parent = parent_of(id)
  local above = parent and read_task(parent)
  if above then
    deadline = math.min(deadline, above.d)
  end
  if deadline <= task.d then
    return refuse(facts, 'deadline_not_later',
      above and "the parent's deadline is the bound" or 'name a later deadline')
  end
  task.d = deadline
  task.w = request
  redis.call('ZADD', key('open'), whole(deadline), id)
end
local record = write_task(id, task, terms)
permit(facts, '"taskId":' .. cjson.encode(id) .. ',"detail":{"deadline":' .. whole(task.d) .. '}')
keep()
return { 1, now, stamp, record }
