-- Packed records (little-endian, see store/live/packing.py for the same in Python). A length is checked before a
-- field is believed: a record that is too short or of another format reads as nil.
--   config: format, version, interval_s, grace_s, org, key epoch, flags; 16 bytes of UUID, name
--   state:  format, phase, base_ms, seen_ms, recorded_ms, down_at_ms
--   event:  format, kind, at_ms, silence_ms, started_ms, seen_ms, monitor, org, interval_s, grace_s; UUID, name
--   event of a metric: the same up to the UUID, then channel, rule, and what is opaque here
local CONFIG, CONFIG_LEAST, CONFIG_TAIL = '<BI4I4I4I4I2B', 36, 21
local STATE, STATE_LENGTH = '<BBI6I6I6I6', 26
local EVENT = '<BBI6I6I6I6I4I4I4I4'
local ACTIVE, DOWN, PAUSED = 1, 2, 3
local EVENT_DOWN, EVENT_UP, EVENT_CLOSED = 1, 2, 3
local FLAG_PAUSED = 1

local function read_config(blob)
  if not blob or #blob < CONFIG_LEAST then return nil end
  local format, version, interval_s, grace_s, org, epoch, flags = struct.unpack(CONFIG, blob)
  if format ~= 1 then return nil end
  return version, interval_s, grace_s, org, epoch, flags
end

local function read_state(blob)
  if not blob or #blob ~= STATE_LENGTH then return nil end
  local format, phase, base, seen, recorded, down_at = struct.unpack(STATE, blob)
  if format ~= 1 or phase < ACTIVE or phase > PAUSED then return nil end
  return phase, base, seen, recorded, down_at
end

local function pack_state(phase, base, seen, recorded, down_at)
  return struct.pack(STATE, 1, phase, base, seen, recorded, down_at)
end

local function pack_event(kind, at, silence, started, seen, id, config)
  local _, _, interval_s, grace_s, org = struct.unpack(CONFIG, config)
  return struct.pack(EVENT, 1, kind, at, silence, started, seen, tonumber(id), org, interval_s, grace_s)
    .. string.sub(config, CONFIG_TAIL)
end

-- The status under which a monitor is counted in the tallies.
local function counted_as(phase, seen)
  if phase == DOWN then return 'down' end
  if phase == PAUSED then return 'paused' end
  return seen == 0 and 'new' or 'up'
end
