-- What a role is to deny and is not moot, where the claim was not overtaken.
-- ARGV: 2 role, 3 fence of the claim.
-- Returns: 1, now, stamp; and, where the claim holds, the cut-off and its end or two zeros, then of each session its
--   name, when it came to be at the latest, and its end.
local role, fence = ARGV[2], tonumber(ARGV[3])

local record = read_role(role)
if record.fence ~= fence then
  return { 1, now, stamp }
end
local answer = { 1, now, stamp, '0', '0' }
if record.cut_until > now then
  answer[4], answer[5] = whole(record.before), whole(record.cut_until)
end
local denied = redis.call('HGETALL', key('denied', role))
for at = 1, #denied, 2 do
  local minted_by, until_ = string.match(denied[at + 1], '^(%d+) (%d+)$')
  if tonumber(until_) > now then
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = denied[at], minted_by, until_
  end
end
return answer
