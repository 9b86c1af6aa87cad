-- Reads leases of one list from its end: newest first, each with what has ended it.
-- ARGV: 2 name of the list, 3 what it is of, 4 how many places of its end to pass over, 5 how many to look at.
-- Returns: 1, now, stamp, how many places there were to look at, then for each lease its chance, record and ending.
local list = key(ARGV[2], ARGV[3])
local first = -1 - tonumber(ARGV[4])
local by_time = ARGV[2] == 'irrevocable' or ARGV[2] == 'external'
local read = by_time and 'ZRANGE' or 'LRANGE'
local chances = redis.call(read, list, first - tonumber(ARGV[5]) + 1, first)
local answer = { 1, now, stamp, #chances }
local tasks = {}
for place = #chances, 1, -1 do
  local lease, _, record = read_lease(chances[place])
  if lease then
    tasks[lease.t] = tasks[lease.t] or read_task(lease.t) or {}
    local ending = ending_of(lease, tasks[lease.t])
    local at = #answer
    answer[at + 1] = chances[place]
    answer[at + 2] = record
    answer[at + 3] = ending and cjson.encode(ending) or ''
  end
end
return answer
