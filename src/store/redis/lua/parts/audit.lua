-- The audit log of the slot: the event of a transition is written in the transition's own script (invariant 7).
-- What is on record of an event that an attempt before this one wrote, or false.
local function told_before(facts)
  if not again then
    return false
  end
  local from = string.format('%.0f-%d', math.floor(again / STAMPS_PER_MS), again % STAMPS_PER_MS)
  for _, event in ipairs(redis.call('XRANGE', key('audit'), from, '+')) do
    if event[2][2] == facts then
      return event[2][4]
    end
  end
  return false
end

-- `conclusion`: the members of a JSON object, without its opening brace. Answers whether it was not on record before.
local function tell(facts, conclusion)
  if told_before(facts) then
    return false
  end
  local at = tick()
  redis.call('XADD', key('audit'), string.format('%.0f-%d', math.floor(at / STAMPS_PER_MS), at % STAMPS_PER_MS),
    'f', facts, 'c', '{"at":' .. whole(now) .. ',' .. conclusion)
  return true
end

local function permit(facts, members)
  tell(facts, '"outcome":"permitted"' .. (members and ',' .. members or '') .. '}')
end

local function refuse(facts, reason, why)
  tell(facts, '"outcome":"refused","reason":"' .. reason .. '","detail":{"why":' .. cjson.encode(why) .. '}}')
  keep()
  return { 0, now, stamp, reason, why }
end
