-- Tasks: a record is a line of what changes, as JSON, and a line of what does not, which no script reads.
local function split(record)
  local cut = string.find(record, '\n', 1, true)
  return string.sub(record, 1, cut - 1), string.sub(record, cut + 1)
end

local function read_task(id)
  local record = redis.call('HGET', key('tasks'), id)
  if not record then
    return nil
  end
  local head, terms = split(record)
  return cjson.decode(head), terms
end

local function write_task(id, task, terms)
  local record = cjson.encode(task) .. '\n' .. terms
  redis.call('HSET', key('tasks'), id, record)
  return record
end

-- Open, and not past its deadline either, whether or not the sweeper has been there.
local function is_open(task)
  return task.s == 'open' and now < task.d
end

local function parent_of(id)
  return string.match(id, '^(.*)%.[^.]*$')
end
