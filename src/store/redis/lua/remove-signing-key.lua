-- Removes a signing key.
-- ARGV: 2 kid.
-- Returns: 1, now, stamp.
if redis.call('HDEL', key('signing'), ARGV[2]) == 1 then
  spread('{"signing_keys":true}')
end
keep()
return { 1, now, stamp }
