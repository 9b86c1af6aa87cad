-- A tree was reviewed: it is due no longer, unless its context has changed since it was read.
-- ARGV: 2 root, 3 version of the context that the review was on.
-- Returns: 1, now, stamp.
if version_of(read_context(ARGV[2])) == ARGV[3] then
  redis.call('ZREM', key('reviews'), ARGV[2])
end
return { 1, now, stamp }
