-- What is told with an event, and what became of it so far, stands behind it with its length at the end; the event's format
-- says so (store/live/noted.py reads it). It is opaque here.
local NOTED, NOTED_LENGTH, NOTED_LENGTH_BYTES = 16, '<I2', 2

local function is_noted(event)
  return string.byte(event) >= NOTED
end

-- The event with this behind it, in the place of what may be there.
local function with_noted(event, noted)
  local format = string.byte(event) % NOTED
  if is_noted(event) then
    local length_at = #event - NOTED_LENGTH_BYTES + 1
    event = string.sub(event, 1, length_at - 1 - struct.unpack(NOTED_LENGTH, event, length_at))
  end
  return string.char(format + NOTED) .. string.sub(event, 2) .. noted .. struct.pack(NOTED_LENGTH, #noted)
end
