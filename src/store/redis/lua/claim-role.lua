-- Gives the right to write what a role denies, to one at a time.
-- ARGV: 2 role, 3 for how long (milliseconds), 4 the highest fence that was seen at the role, 5 who asks, by a name of its own.
-- Returns: 1, now, stamp, the fence, where nobody else's claim lasts.
local role, for_ms, seen, claimant = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

local record = read_role(role)
local ours = record.claimant == claimant
-- One that comes late, after its answer was had and the claim was released: it must hold nobody up.
if ours and record.claimed == 0 then
  return { 1, now, stamp, whole(record.fence) }
end
if record.claimed > now and not ours then
  return { 1, now, stamp }
end
-- Asked again, because nobody had the answer: the fence was not given yet.
if not ours or record.fence <= seen then
  record.fence = math.max(record.fence, seen) + 1
end
record.claimed, record.claimant = now + for_ms, claimant
write_role(role, record)
tick()
keep()
return { 1, now, stamp, whole(record.fence) }
