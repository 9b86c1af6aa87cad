-- Status lists of the slot: the index of a lease is its place in a list. Nothing is taken out of one before all of it.
-- `entries`: how many a list has. Answers the list and the place that the lease which is written next will have.
--
-- A list is one broker's, in one epoch. What a failover or a backup has forgotten of it, that broker would notice before
-- it came here; a broker that was restarted begins another. So no place is given twice, whatever is lost.
local function next_entry(entries)
  local current = 'current:' .. origin
  local list, of_epoch = string.match(redis.call('HGET', key('listing'), current) or '', '^(%d+) (%S+)$')
  local place = of_epoch == epoch and redis.call('LLEN', key('listed', list))
  if not place or place >= entries then
    list, place = whole(tick()), 0
    redis.call('HSET', key('listing'), current, list .. ' ' .. epoch, 'list:' .. list, '0 ' .. origin)
  end
  return list, place
end
