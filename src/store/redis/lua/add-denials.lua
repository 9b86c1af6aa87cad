-- Adds to what roles deny, and gives back what a slot may have lost of it. What is there already stays, with the later times.
-- ARGV: 2 a list as JSON of `{session, role, mintedBy, until}`, of cut-offs `{role, before, until}`, and of seats
--   `{seat, role, until}`.
-- Returns: 1, now, stamp.
for _, item in ipairs(cjson.decode(ARGV[2])) do
  if item.before then
    local record = read_role(item.role)
    raise_cut_off(record, item.before, item['until'])
    write_role(item.role, record)
  elseif not item.seat then
    deny(item.role, item.session, item.mintedBy, item['until'])
  elseif not seat_of(item.seat) then
    take_seat(item.seat, item.role, item['until'])
  end
end
tick()
keep()
return { 1, now, stamp }
