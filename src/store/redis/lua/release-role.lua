-- Ends a claim, where it was not overtaken. The fence stays.
-- ARGV: 2 role, 3 fence of the claim.
-- Returns: 1, now, stamp.
local role, fence = ARGV[2], tonumber(ARGV[3])

local record = read_role(role)
if record.fence == fence and record.claimed > 0 then
  record.claimed = 0
  write_role(role, record)
  tick()
  keep()
end
return { 1, now, stamp }
