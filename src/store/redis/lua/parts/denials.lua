-- What roles deny. All of it is in one slot, so that a session finds its seat among several roles in one transition.
-- A role is known by `<fence> <claimed until> <claimant> <before> <until>`: its latest claim and its cut-off.
local function read_role(role)
  local record = redis.call('HGET', key('denying'), role) or '0 0 - 0 0'
  local fence, claimed, claimant, before, cut_until = string.match(record, '^(%d+) (%d+) (%S+) (%d+) (%d+)$')
  return { fence = tonumber(fence), claimed = tonumber(claimed), claimant = claimant, before = tonumber(before),
    cut_until = tonumber(cut_until) }
end

local function write_role(role, record)
  redis.call('HSET', key('denying'), role, string.format('%.0f %.0f %s %.0f %.0f', record.fence, record.claimed,
    record.claimant, record.before, record.cut_until))
end

local function raise_cut_off(record, before, cut_until)
  record.before = math.max(record.before, before)
  record.cut_until = math.max(record.cut_until, cut_until)
end

-- The later times of the two, where it is there already.
local function deny(role, session, minted_by, until_)
  local denied = redis.call('HGET', key('denied', role), session)
  if denied then
    local minted_before, until_before = string.match(denied, '^(%d+) (%d+)$')
    minted_by = math.max(minted_by, tonumber(minted_before))
    until_ = math.max(until_, tonumber(until_before))
  end
  redis.call('HSET', key('denied', role), session, whole(minted_by) .. ' ' .. whole(until_))
  redis.call('ZADD', key('deniedEnds'), whole(until_), #session .. ':' .. session .. role)
end

local function take_seat(session, role, until_)
  redis.call('HSET', key('seats'), session, whole(until_) .. ' ' .. role)
  redis.call('ZADD', key('seatEnds'), whole(until_), session)
  if until_ > now then
    redis.call('ZADD', key('seated', role), whole(until_), session)
  end
end

local function seat_of(session)
  local seat = redis.call('HGET', key('seats'), session)
  return seat and string.match(seat, '^%d+ (.*)$') or nil
end

local function leave_seat(session)
  local role = seat_of(session)
  if role then
    redis.call('HDEL', key('seats'), session)
    redis.call('ZREM', key('seatEnds'), session)
    redis.call('ZREM', key('seated', role), session)
  end
end

-- Forgets what is moot, at most so many of each; seats whose time was over by `seat_bound`. Gives how many went.
local function forget_denials(seat_bound, limit)
  local moot = redis.call('ZRANGEBYSCORE', key('deniedEnds'), '-inf', whole(now), 'LIMIT', 0, limit)
  for _, name in ipairs(moot) do
    local length, rest = string.match(name, '^(%d+):(.*)$')
    redis.call('HDEL', key('denied', string.sub(rest, length + 1)), string.sub(rest, 1, length))
    redis.call('ZREM', key('deniedEnds'), name)
  end
  local over = redis.call('ZRANGEBYSCORE', key('seatEnds'), '-inf', whole(seat_bound), 'LIMIT', 0, limit)
  for _, session in ipairs(over) do
    leave_seat(session)
  end
  return #moot + #over
end
