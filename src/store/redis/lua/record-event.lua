-- Records an event that belongs to no transition; a refusal may count for a tree.
-- ARGV: 2 facts, 3 conclusion without its opening brace, and where it counts: 4 root, 5 where counting stops.
-- Returns: 1, now, stamp, record of the context where that has changed, or empty.
local root, record = ARGV[4], ''
if tell(ARGV[2], ARGV[3]) and root and redis.call('HEXISTS', key('tasks'), root) == 1 then
  local context = context_in(read_context(root))
  if context.refusals < tonumber(ARGV[5]) then
    context.refusals = context.refusals + 1
    record = write_context(root, context)
  end
end
keep()
return { 1, now, stamp, record }
