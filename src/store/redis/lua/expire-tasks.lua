-- Closes tasks past their deadline, each with an event of its own.
-- ARGV: 2 at most so many, 3 request, 4 verifiers' skew (milliseconds).
-- Returns: 1, now, stamp, their ids.
local limit = tonumber(ARGV[2])
local ids = redis.call('ZRANGEBYSCORE', key('open'), '-inf', whole(now), 'LIMIT', 0, limit)
if #ids == limit then
  -- Of those that share the last one's deadline a child comes before its parent, whose end would be its own.
  local last = redis.call('ZSCORE', key('open'), ids[#ids])
  local earlier = redis.call('ZRANGEBYSCORE', key('open'), '-inf', '(' .. last)
  local same = redis.call('ZREVRANGEBYSCORE', key('open'), last, last, 'LIMIT', 0, limit - #earlier)
  ids = earlier
  for _, id in ipairs(same) do
    ids[#ids + 1] = id
  end
end
local answer = { 1, now, stamp }
for _, id in ipairs(ids) do
  local task = read_task(id) or { d = now }
  close_tree(id, { at = now, outcome = 'expired', by = 'mayfly', requestId = ARGV[3] })
  permit('{"requestId":"' .. ARGV[3] .. '","action":"task.expire","taskId":"' .. id .. '","detail":{}}',
    '"detail":{"deadline":' .. whole(task.d) .. '}')
  redis.call('ZREM', key('open'), id)
  answer[#answer + 1] = id
end
keep()
answer[2], answer[3] = now, stamp
return answer
