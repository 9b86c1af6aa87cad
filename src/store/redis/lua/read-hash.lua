-- Reads a hash of the slot.
-- ARGV: 2 its name.
-- Returns: 1, now, stamp, then field and value of each.
local answer = { 1, now, stamp }
for _, part in ipairs(redis.call('HGETALL', key(ARGV[2]))) do
  answer[#answer + 1] = part
end
return answer
