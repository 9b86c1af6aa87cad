-- Reads tasks, newest first, or those of one tree.
-- ARGV: 8 how many to pass over, 9 how many, 10 root of a tree or empty.
-- Returns: 1, now, stamp, then id and record of each.
local ids
if ARGV[10] ~= '' then
  ids = redis.call('ZRANGEBYLEX', key('ids'), '[' .. ARGV[10] .. '.', '(' .. ARGV[10] .. '/')
  ids[#ids + 1] = ARGV[10]
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
