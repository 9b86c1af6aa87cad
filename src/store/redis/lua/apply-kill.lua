-- The second half of a wide kill in one slot: its selector, with the cut-off that holds in every slot.
-- ARGV: 8 selector, 9 the kill as JSON, 10 for how long it is kept when it is moot (milliseconds).
-- Returns: 1, now, stamp.
add_wide(ARGV[8], cjson.decode(ARGV[9]), tonumber(ARGV[10]))
begin_walk()
tick()
keep()
return { 1, now, stamp }
