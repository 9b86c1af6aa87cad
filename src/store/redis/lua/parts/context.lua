-- What has come to pass in a tree: a record of four lines, by the tree's root. The version, which is all that is
-- compared for every lease; how many requests were refused; and the signals and the holdings, each a list as JSON.
local NO_CONTEXT = '0\n0\n[]\n[]'

local function root_of(id)
  return string.match(id, '^[^.]+')
end

local function read_context(root)
  return redis.call('HGET', key('contexts'), root) or NO_CONTEXT
end

local function version_of(record)
  return string.match(record, '^%d+')
end

local function context_in(record)
  local version, refusals, signals, held = string.match(record, '^(%d+)\n(%d+)\n([^\n]*)\n([^\n]*)$')
  return { version = tonumber(version), refusals = tonumber(refusals), signals = signals, held = held }
end

-- Whatever is written is another version.
local function write_context(root, context)
  context.version = context.version + 1
  local record = table.concat({ whole(context.version), whole(context.refusals), context.signals, context.held }, '\n')
  redis.call('HSET', key('contexts'), root, record)
  return record
end

local function with_member(list, text)
  return (list == '[]' and '[' or string.sub(list, 1, -2) .. ',') .. text .. ']'
end

-- The tree's leases have to be decided again. One that was due before has been so for longer.
local function make_due(root)
  redis.call('ZADD', key('reviews'), 'NX', whole(now), root)
end

-- Adds what the tree holds from now on, in quotes as in the list, and answers the version that the context then has.
-- A holding begins with the name of a plane, so no end of one and beginning of the next is mistaken for it.
local function hold(root, record, holding)
  local context = context_in(record)
  if string.find(context.held, holding, 1, true) then
    return context.version
  end
  if context.held ~= '[]' then
    make_due(root)
  end
  context.held = with_member(context.held, holding)
  write_context(root, context)
  return context.version
end
