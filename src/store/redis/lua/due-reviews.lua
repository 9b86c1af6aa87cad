-- Reads which trees have been due for review for some time, the longest first.
-- ARGV: 2 at most so many, 3 for how long (milliseconds).
-- Returns: 1, now, stamp, then of each its root, since when it is due, and the version of its context.
local answer = { 1, now, stamp }
local due = redis.call('ZRANGEBYSCORE', key('reviews'), '-inf', whole(now - tonumber(ARGV[3])), 'WITHSCORES',
  'LIMIT', 0, ARGV[2])
for index = 1, #due, 2 do
  local at = #answer
  answer[at + 1] = due[index]
  answer[at + 2] = tonumber(due[index + 1])
  answer[at + 3] = tonumber(version_of(read_context(due[index])))
end
return answer
