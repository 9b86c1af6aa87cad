-- Has everything denied at a role that was issued before a time, where the claim was not overtaken.
-- ARGV: 2 role, 3 fence of the claim, 4 the time, 5 until when it matters.
-- Returns: 1, now, stamp, whether the claim holds (1 or 0).
local role, fence = ARGV[2], tonumber(ARGV[3])

local record = read_role(role)
if record.fence ~= fence then
  return { 1, now, stamp, 0 }
end
raise_cut_off(record, tonumber(ARGV[4]), tonumber(ARGV[5]))
write_role(role, record)
tick()
keep()
return { 1, now, stamp, 1 }
