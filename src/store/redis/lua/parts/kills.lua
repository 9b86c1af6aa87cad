-- Putting kills in force and telling of them.
local function spread(message)
  news = news + 1
  redis.call('SPUBLISH', key('news'), string.format('%.0f %.0f %s %s %s', news, stamp, origin, epoch, message))
end

-- A kill of a single task or lease. Grow-only: what is known already keeps its beginning, and the later end.
local function add_kill(selector, kill)
  local known = redis.call('HGET', key('kills'), selector)
  if known then
    known = cjson.decode(known)
    if known.at <= kill.at and known.mootAt >= kill.mootAt then
      return known
    end
    if known.at < kill.at then
      known.mootAt = kill.mootAt
      kill = known
    else
      kill.mootAt = math.max(kill.mootAt, known.mootAt)
    end
  end
  local text = cjson.encode(kill)
  redis.call('HSET', key('kills'), selector, text)
  redis.call('ZADD', key('moot'), whole(kill.mootAt), selector)
  spread('{"selector":' .. cjson.encode(selector) .. ',"kill":' .. text .. '}')
  return kill
end

-- There may be external leases among what was killed: the sweeper looks at all of them once more.
local function begin_walk()
  if redis.call('EXISTS', key('external')) == 0 then
    return
  end
  local walk = redis.call('GET', key('walk'))
  if not walk then
    redis.call('SET', key('walk'), '0')
  elseif string.sub(walk, -1) ~= '+' then
    -- One is under way: it goes on to its end, and then once more, or its end would never be reached.
    redis.call('SET', key('walk'), walk .. '+')
  end
end

local ABOVE_DOT = string.char(string.byte('.') + 1)

-- Closes what is open of a tree. What had passed its deadline by then has expired, whatever anybody says of it later.
local function close_tree(root, closing)
  local below = closing.outcome
  if below ~= 'expired' and below ~= 'revoked' then
    below = 'cancelled'
  end
  local ids = redis.call('ZRANGEBYLEX', key('openIds'), '[' .. root .. '.', '(' .. root .. ABOVE_DOT)
  ids[#ids + 1] = root
  for _, id in ipairs(ids) do
    local task, terms = read_task(id)
    if task and task.s == 'open' then
      task.c = { at = math.min(task.d, closing.at), requestId = closing.requestId }
      if task.d <= closing.at then
        task.c.outcome, task.c.by = 'expired', 'mayfly'
      else
        task.c.by = closing.by
        task.c.outcome = id == root and closing.outcome or below
        task.c.reason = closing.reason
        if id ~= root then
          task.c.reason = root .. ' was closed'
        end
      end
      if (task.u or 0) > 0 then
        task.s = 'closed'
        begin_walk()
      else
        task.s = 'settled'
        task.e = closing.at
      end
      write_task(id, task, terms)
      redis.call('ZREM', key('open'), id)
      redis.call('ZREM', key('openIds'), id)
      redis.call('ZADD', key('closed'), whole(task.c.at), id)
    end
  end
  -- Nothing is alive there any more that would have to be decided again.
  if not parent_of(root) then
    redis.call('DEL', key('facts', root))
    redis.call('ZREM', key('reviews'), root)
  end
end
