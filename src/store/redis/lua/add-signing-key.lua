-- Adds a signing key, unless one of its use that activates then or later is there, or the newest is not the one named.
-- ARGV: 2 kid, 3 use, 4 when it activates, 5 the record as JSON, 6 `?` or the kid that the caller saw last or
--   empty, 7 facts.
-- Returns: 1, now, stamp, whether it was added (1 or 0).
local kid, use, activates = ARGV[2], ARGV[3], tonumber(ARGV[4])
local newest
for _, text in ipairs(redis.call('HVALS', key('signing'))) do
  local known = cjson.decode(text)
  if known.use == use then
    if known.kid == kid then
      return { 1, now, stamp, again and known.activatesAt == activates and 1 or 0 }
    end
    if not newest or known.activatesAt > newest.activatesAt then
      newest = known
    end
  end
end
if newest and newest.activatesAt >= activates
  or ARGV[6] ~= '?' and ARGV[6] ~= (newest and newest.kid or '') then
  return { 1, now, stamp, 0 }
end
redis.call('HSET', key('signing'), kid, ARGV[5])
permit(ARGV[7], '"detail":{"kid":"' .. kid .. '","activates_at":' .. whole(activates) .. '}')
spread('{"signing_keys":true}')
keep()
return { 1, now, stamp, 1 }
