-- Writes kills and bars back into a slot that may have lost them. What is there already stays as it is.
-- ARGV: 2 for how long wide kills are kept when they are moot (milliseconds), 3 verifiers' skew (milliseconds),
--   4 a list of `{selector, kill}` and `{bar, why}` as JSON, 5 `tell` where the news of wide kills are told.
-- Returns: 1, now, stamp.
local keep_ms, skew = tonumber(ARGV[2]), tonumber(ARGV[3])

local function restore_lease(id, selector, kill)
  local chance = string.sub(id, 19)
  local lease, terms = read_lease(chance)
  if lease then
    if not ending_of(lease, read_task(lease.t)) then
      end_by_name(chance, lease, terms, id, kill)
    end
    kill.mootAt = math.max(kill.mootAt, lease.x + skew)
  end
  add_kill(selector, kill)
end

for _, item in ipairs(cjson.decode(ARGV[4])) do
  if item.bar then
    bar(item.bar, item.why)
  else
    local selector, kill = item.selector, item.kill
    -- Time that others have seen is not seen again; and what is moot names nothing any more.
    now = math.max(now, kill.at)
    local kind, name = string.match(selector, '^(%a+):?(.*)$')
    if kind == 'key' then
      bar(selector, '1')
    end
    if kind == 'task' and kill.mootAt > now then
      add_kill(selector, kill)
      close_tree(name, { at = kill.at, outcome = 'revoked', by = kill.by, reason = kill.reason,
        requestId = kill.requestId })
    elseif kind == 'lease' and kill.mootAt > now then
      restore_lease(name, selector, kill)
    elseif kind ~= 'task' and kind ~= 'lease' then
      add_wide(selector, kill, keep_ms)
      begin_walk()
      if ARGV[5] == 'tell' then
        spread('{"selector":' .. cjson.encode(selector) .. ',"kill":' .. cjson.encode(kill) .. '}')
      end
    end
  end
end
tick()
keep()
return { 1, now, stamp }
