-- Kills of every kind but a task's and a lease's: a list for each selector, the same in every slot.
-- `keep_ms`: for how long one tells how leases ended after it is moot. A killed key is kept for good, once.
local MOST_OF_A_SELECTOR = 32

local function add_wide(selector, kill, keep_ms)
  local kills = redis.call('HGET', key('wide'), selector)
  local kept, known = {}, false
  for _, one in ipairs(kills and cjson.decode(kills) or {}) do
    if one.at == kill.at or not (one.cutoff or kill.cutoff) then
      one.at = math.min(one.at, kill.at)
      one.mootAt = math.max(one.mootAt, kill.mootAt)
      one.cutoff = one.cutoff and kill.cutoff and math.max(one.cutoff, kill.cutoff) or nil
      known = true
    end
    -- Also one that is long moot: a lease that it ended may still be on record, and is told by it until it is forgotten.
    kept[#kept + 1] = one
  end
  if not known then
    kept[#kept + 1] = kill
  end
  -- What an earlier one killed a later one kills, too: it only tells another time.
  while #kept > MOST_OF_A_SELECTOR do
    table.remove(kept, 1)
  end
  redis.call('HSET', key('wide'), selector, cjson.encode(kept))
  if kill.cutoff then
    redis.call('ZADD', key('moot'), 'GT', whole(kill.mootAt + keep_ms), selector)
  end
  -- What is issued after this is later than the cut-off.
  now = math.max(now, kill.at + 1, (kill.cutoff or 0) + 1)
end

local function bar(name, why)
  redis.call('HSETNX', key('barred'), name, why)
end
