-- A wide kill is in force in every slot: its event, and the news of it, at home.
-- ARGV: 8 id of the intent, 9 selector, 10 the kill as JSON, 11 facts, 12 detail of the event as JSON.
-- Returns: 1, now, stamp.
if redis.call('HDEL', key('intents'), ARGV[8]) == 1 then
  redis.call('HDEL', key('intents'), ARGV[8] .. ':at')
  permit(ARGV[11], '"detail":' .. ARGV[12])
  spread('{"selector":' .. cjson.encode(ARGV[9]) .. ',"kill":' .. ARGV[10] .. '}')
end
keep()
return { 1, now, stamp }
