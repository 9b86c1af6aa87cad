-- Tells where the slot stands.
-- Returns: 1, now, stamp, news.
return { 1, now, stamp, news }
