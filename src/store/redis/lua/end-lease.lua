-- Ends one lease by name. A lease that is dead already stays as it died: the first ending stands.
-- ARGV: 2 chance, 3 id, 4 by, 5 reason or empty, 6 request, 7 facts, 8 verifiers' skew (milliseconds).
-- Returns: 1, now, stamp, the kill.
local chance, id, facts, skew = ARGV[2], ARGV[3], ARGV[7], tonumber(ARGV[8])
local kill = { at = now, by = ARGV[4], requestId = ARGV[6] }
if ARGV[5] ~= '' then
  kill.reason = ARGV[5]
end
local selector = 'lease:' .. id

local lease, terms = read_lease(chance)
if lease then
  kill.mootAt = lease.x + skew
  local ended = ending_of(lease, read_task(lease.t))
  if ended then
    kill.at = ended.at
  else
    end_by_name(chance, lease, terms, id, kill)
    add_kill(selector, kill)
  end
else
  kill.mootAt = math.max(now, horizon) + skew
  local known = redis.call('HGET', key('kills'), selector)
  known = known and cjson.decode(known)
  kill = known and known.mootAt > now and known or add_kill(selector, kill)
end
permit(facts, '"detail":{"select":"' .. selector .. '","at":' .. whole(kill.at) .. '}')
keep()
return { 1, now, stamp, cjson.encode(kill) }
