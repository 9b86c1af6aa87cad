-- Gives the right to write what a role denies, to one at a time.
-- ARGV: 2 role, 3 for how long (milliseconds), 4 the highest fence that was seen at the role, 5 who asks, by a name of its own.
-- Returns: 1, now, stamp, the fence, where nobody else's claim lasts.
local role, for_ms, seen, claimant = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

local record = read_role(role)
-- Asked again, because the answer was lost on the way.
if record.claimant == claimant then
  return { 1, now, stamp, whole(record.fence) }
end
if record.claimed > now then
  return { 1, now, stamp }
end
record.fence = math.max(record.fence, seen) + 1
record.claimed, record.claimant = now + for_ms, claimant
write_role(role, record)
tick()
keep()
return { 1, now, stamp, whole(record.fence) }
