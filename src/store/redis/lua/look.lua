-- Tells where the slot stands.
-- Returns: 1, now, stamp, news, now.
return { 1, now, stamp, news, now }
