-- Goes through the external leases after a kill, and makes those that it named due: the kill itself waited for none.
-- ARGV: 2 at most so many.
-- Returns: 1, now, stamp, how many were named, whether the walk is over (1 or 0).
local walk = redis.call('GET', key('walk'))
if not walk then
  return { 1, now, stamp, 0, 1 }
end
local cursor, once_more = string.match(walk, '^(%d+)(%+?)$')
local page = redis.call('ZSCAN', key('external'), cursor, 'COUNT', ARGV[2])
local named = 0
for index = 1, #page[2], 2 do
  local chance = page[2][index]
  local lease, terms = read_lease(chance)
  local ending = lease and ending_of(lease, read_task(lease.t))
  if not lease then
    redis.call('ZREM', key('external'), chance)
  elseif ending then
    record_ending(chance, lease, terms, ending)
    named = named + 1
  end
end
local over = page[1] == '0' and once_more == ''
if over then
  redis.call('DEL', key('walk'))
else
  redis.call('SET', key('walk'), page[1] == '0' and '0' or page[1] .. once_more)
end
keep()
return { 1, now, stamp, named, over and 1 or 0 }
