-- Reads a task and all below it, in the order of their ids.
-- ARGV: 2 root, 3 the id to begin behind or empty, 4 how many.
-- Returns: 1, now, stamp, then id and record of each.
local root, behind = ARGV[2], ARGV[3]
local ids = redis.call('ZRANGEBYLEX', key('ids'), behind ~= '' and '(' .. behind or '[' .. root .. '.',
  '(' .. root .. '/', 'LIMIT', 0, ARGV[4])
if behind == '' then
  table.insert(ids, 1, root)
end
local answer = { 1, now, stamp }
for _, id in ipairs(ids) do
  local record = redis.call('HGET', key('tasks'), id)
  if record then
    answer[#answer + 1] = id
    answer[#answer + 1] = record
  end
end
return answer
