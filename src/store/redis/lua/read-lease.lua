-- Reads one lease and what has ended it.
-- ARGV: 2 chance.
-- Returns: 1, now, stamp, record or empty, ending as JSON or empty.
local lease, _, record = read_lease(ARGV[2])
if not lease then
  return { 1, now, stamp, '', '' }
end
local ending = ending_of(lease, read_task(lease.t))
return { 1, now, stamp, record, ending and cjson.encode(ending) or '' }
