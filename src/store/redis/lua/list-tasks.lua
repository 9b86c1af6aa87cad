-- Reads tasks, newest first, or those of one tree.
-- ARGV: 8 how many to pass over, or the id to begin behind in a tree; 9 how many, 10 root of a tree or empty.
-- Returns: 1, now, stamp, then id and record of each.
local ids
if ARGV[10] ~= '' then
  local from = ARGV[8] ~= '' and '(' .. ARGV[8] or '[' .. ARGV[10] .. '.'
  ids = redis.call('ZRANGEBYLEX', key('ids'), from, '(' .. ARGV[10] .. '/', 'LIMIT', 0, ARGV[9])
  if ARGV[8] == '' then
    table.insert(ids, 1, ARGV[10])
  end
else
  ids = redis.call('ZREVRANGE', key('opened'), ARGV[8], ARGV[8] + ARGV[9] - 1)
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
