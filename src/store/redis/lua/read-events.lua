-- Reads the log of the slot backwards.
-- ARGV: 8 from this id, 9 down to this, 10 at most so many.
-- Returns: 1, now, stamp, then id and fields of each.
local answer = { 1, now, stamp }
for _, event in ipairs(redis.call('XREVRANGE', key('audit'), ARGV[8], ARGV[9], 'COUNT', ARGV[10])) do
  answer[#answer + 1] = event
end
return answer
