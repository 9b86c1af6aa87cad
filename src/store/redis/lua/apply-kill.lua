-- The second half of a wide kill in one slot: its selector, with the cut-off that holds in every slot.
-- ARGV: 2 selector, 3 the kill as JSON, 4 for how long it is kept when it is moot (milliseconds).
-- Returns: 1, now, stamp.
add_wide(ARGV[2], cjson.decode(ARGV[3]), tonumber(ARGV[4]))
begin_walk()
tick()
keep()
return { 1, now, stamp }
