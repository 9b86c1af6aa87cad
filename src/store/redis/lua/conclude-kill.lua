-- A wide kill is in force in every slot: its event, and the news of it, at home.
-- ARGV: 2 id of the intent, 3 selector, 4 the kill as JSON, 5 facts, 6 detail of the event as JSON.
-- Returns: 1, now, stamp.
if redis.call('HDEL', key('intents'), ARGV[2]) == 1 then
  redis.call('HDEL', key('intents'), ARGV[2] .. ':at')
  permit(ARGV[5], '"detail":' .. ARGV[6])
  spread('{"selector":' .. cjson.encode(ARGV[3]) .. ',"kill":' .. ARGV[4] .. '}')
end
keep()
return { 1, now, stamp }
