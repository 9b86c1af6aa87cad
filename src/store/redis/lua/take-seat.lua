-- Gives a session its seat, on the role that has most room; the same one again, where it has one.
-- ARGV: 2 session, 3 until when it is counted, 4 how many a role may have, 5 … roles.
-- Returns: 1, now, stamp, the role where there is one.
local session, until_, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local given = seat_of(session)
if given then
  return { 1, now, stamp, given }
end
local best, fewest
for at = 5, #ARGV do
  local role = ARGV[at]
  if read_role(role).before <= now then
    -- No more than have ever been counted at once.
    for _, other in ipairs(redis.call('ZRANGEBYSCORE', key('seated', role), '-inf', whole(now))) do
      redis.call('ZREM', key('seated', role), other)
    end
    local taken = redis.call('ZCARD', key('seated', role))
    if taken < most and (not best or taken < fewest) then
      best, fewest = role, taken
    end
  end
end
if not best then
  return { 1, now, stamp }
end
take_seat(session, best, until_)
tick()
keep()
return { 1, now, stamp, best }
