-- Writes, also with a full memory: whoever answers is a server that writes.
-- Returns: 1, now, stamp.
tick()
keep()
return { 1, now, stamp }
