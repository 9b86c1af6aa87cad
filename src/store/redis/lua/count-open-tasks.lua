-- Counts the open tasks of an orchestrator among the next so many of the slot, in the order of their ids.
-- ARGV: 2 orchestrator, 3 the id behind which to go on or empty, 4 how many to look at.
-- Returns: 1, now, stamp, how many, the id behind which to go on or empty at the end.
local most = tonumber(ARGV[4])
local from = ARGV[3] == '' and '-' or '(' .. ARGV[3]
local ids = redis.call('ZRANGEBYLEX', key('openIds'), from, '+', 'LIMIT', 0, most)
local count = 0
for _, id in ipairs(ids) do
  local task = read_task(id)
  if task and task.o == ARGV[2] and is_open(task) then
    count = count + 1
  end
end
return { 1, now, stamp, count, #ids == most and ids[most] or '' }
