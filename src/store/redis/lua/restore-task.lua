-- Writes back the kill of a task into a store that may have lost it.
-- ARGV: 8 id, 9 time of the kill, 10 its end, 11 by, 12 reason or empty, 13 request or empty.
-- Returns: 1, now, stamp.
local id = ARGV[8]
local kill = { at = tonumber(ARGV[9]), mootAt = tonumber(ARGV[10]), by = ARGV[11] }
if ARGV[12] ~= '' then
  kill.reason = ARGV[12]
end
if ARGV[13] ~= '' then
  kill.requestId = ARGV[13]
end
-- Time that others have seen is not seen again.
now = math.max(now, kill.at)
if kill.mootAt > now then
  add_kill('task:' .. id, kill)
  close_tree(id, { at = kill.at, outcome = 'revoked', by = kill.by, reason = kill.reason, requestId = kill.requestId })
end
keep()
return { 1, now, stamp }
