-- Lets an agent out of quarantine in one slot; at home, where it is said, last of all.
-- ARGV: 2 agent, 3 facts, or empty in every slot but the first.
-- Returns: 1, now, stamp, the quarantine as JSON or empty.
local bar, facts = 'agent:' .. ARGV[2], ARGV[3]
local quarantine = redis.call('HGET', key('barred'), bar)
if facts ~= '' then
  if not quarantine then
    if told_before(facts) then
      return { 1, now, stamp, '' }
    end
    return refuse(facts, 'quarantine_unknown', ARGV[2] .. ' is not in quarantine')
  end
  permit(facts, '"detail":{"agent":' .. cjson.encode(ARGV[2]) .. '}')
  spread('{"lifted":' .. cjson.encode(ARGV[2]) .. '}')
end
redis.call('HDEL', key('barred'), bar)
tick()
keep()
return { 1, now, stamp, quarantine or '' }
