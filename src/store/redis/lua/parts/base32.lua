-- The ten characters of time in a lease's name, as domain/ids.ts writes them.
local CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'

local function base32(value)
  local text = ''
  for _ = 1, 10 do
    local digit = value % 32
    text = string.sub(CROCKFORD, digit + 1, digit + 1) .. text
    value = math.floor(value / 32)
  end
  return text
end
