-- Adds a signal to the context of the tree that a task is in, and makes the tree due for review.
-- ARGV: 2 id, 3 type of the signal as JSON, 4 how many types there may be, 5 facts.
-- Returns: 1, now, stamp, whether it was added (1 or 0), whether the tree is due (1 or 0), record of the context.
local id, signal, most, facts = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local root = root_of(id)

local function is_due()
  return redis.call('ZSCORE', key('reviews'), root) and 1 or 0
end

local told = told_before(facts)
if told and string.find(told, '"outcome":"permitted"', 1, true) then
  return { 1, now, stamp, string.find(told, '"added":true', 1, true) and 1 or 0, is_due(),
    read_context(root) }
end
local task = read_task(id)
if not task then
  return refuse(facts, 'task_unknown', 'no task ' .. id)
end
if not is_open(task) then
  return refuse(facts, 'task_closed', 'the task is ' .. task.s)
end

local record = read_context(root)
local context = context_in(record)
local wanted, known = cjson.decode('[' .. signal .. ']')[1], cjson.decode(context.signals)
local is_new = true
for _, other in ipairs(known) do
  is_new = is_new and other ~= wanted
end
if is_new then
  if #known >= most then
    return refuse(facts, 'too_many_signals', #known .. ' types were reported in the tree of ' .. root)
  end
  context.signals = with_member(context.signals, signal)
  record = write_context(root, context)
  make_due(root)
end
permit(facts, '"taskId":' .. cjson.encode(id) .. ',"detail":{"signal":' .. signal .. ',"added":'
  .. (is_new and 'true' or 'false') .. '}')
keep()
return { 1, now, stamp, is_new and 1 or 0, is_due(), record }
