-- How many leases of the slot could not be killed.
-- Returns: 1, now, stamp, how many.
return { 1, now, stamp, redis.call('ZCARD', key('irrevocable')) }
