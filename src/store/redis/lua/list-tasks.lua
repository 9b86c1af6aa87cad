-- Reads tasks, newest first.
-- ARGV: 2 how many to pass over, 3 how many to look for, 4 `open` for those alone that are, or empty.
-- Returns: 1, now, stamp, how many to pass over next or -1 at the end, when the last that was looked at was opened,
--   then id and record of each.
local MOST_LOOKED_AT = 500
local passed, wanted, open_only = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == 'open'
local answer = { 1, now, stamp, -1, 0 }
local looked = redis.call('ZREVRANGE', key('opened'), passed, passed + MOST_LOOKED_AT - 1, 'WITHSCORES')
for index = 1, #looked, 2 do
  if wanted == 0 then
    answer[4] = passed
    return answer
  end
  local id = looked[index]
  passed = passed + 1
  answer[5] = tonumber(looked[index + 1])
  if not open_only or redis.call('ZSCORE', key('open'), id) then
    wanted = wanted - 1
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', key('tasks'), id)
  end
end
if #looked == 2 * MOST_LOOKED_AT then
  answer[4] = passed
end
return answer
