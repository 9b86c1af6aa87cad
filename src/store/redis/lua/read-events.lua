-- Reads the log of the slot backwards.
-- ARGV: 2 from this id, 3 down to this, 4 at most so many.
-- Returns: 1, now, stamp, then id and fields of each.
local answer = { 1, now, stamp }
for _, event in ipairs(redis.call('XREVRANGE', key('audit'), ARGV[2], ARGV[3], 'COUNT', ARGV[4])) do
  answer[#answer + 1] = event
end
return answer
