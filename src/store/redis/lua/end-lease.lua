-- Ends one lease by name. A lease that is dead already stays as it died: the first ending stands.
-- ARGV: 8 chance, 9 id, 10 by, 11 reason or empty, 12 request, 13 facts, 14 verifiers' skew (milliseconds),
--   15 the time of a kill that is restored, or empty, 16 its end, or empty.
-- Returns: 1, now, stamp, the kill.
local chance, id, facts, skew = ARGV[8], ARGV[9], ARGV[13], tonumber(ARGV[14])
local restored = tonumber(ARGV[15])
local kill = { at = restored or now, by = ARGV[10], requestId = ARGV[12] ~= '' and ARGV[12] or nil }
if ARGV[11] ~= '' then
  kill.reason = ARGV[11]
end
local selector = 'lease:' .. id
if restored then
  -- Time that others have seen is not seen again; and what is moot names nothing any more.
  now = math.max(now, restored)
  if tonumber(ARGV[16]) <= now then
    keep()
    return { 1, now, stamp, cjson.encode(kill) }
  end
end

local lease, terms = read_lease(chance)
if lease then
  kill.mootAt = math.max(lease.x + skew, tonumber(ARGV[16]) or 0)
  local ended = ending_of(lease, read_task(lease.t))
  if ended then
    kill.at = ended.at
  else
    local ending = { at = kill.at, cause = 'lease', name = id, reason = kill.reason, requestId = kill.requestId }
    if lease.e then
      record_ending(chance, lease, terms, ending)
    else
      lease.s, lease.n, lease.f = 'revoked', ending, now
      write_lease(chance, lease, terms)
    end
  end
  if not ended or restored then
    add_kill(selector, kill)
  end
else
  kill.mootAt = tonumber(ARGV[16]) or math.max(now, horizon) + skew
  local known = redis.call('HGET', key('kills'), selector)
  known = known and cjson.decode(known)
  kill = known and known.mootAt > now and not restored and known or add_kill(selector, kill)
end
if facts ~= '' then
  permit(facts, '"detail":{"select":"' .. selector .. '","at":' .. whole(kill.at) .. '}')
end
keep()
return { 1, now, stamp, cjson.encode(kill) }
