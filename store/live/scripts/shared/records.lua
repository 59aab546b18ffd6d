-- Packed records (little-endian, see store/live/packing.py for the same in Python). A length is checked before a
-- field is believed: a record that is too short or of another format reads as nil.
--   config: format, version, interval_s, grace_s, org, key epoch, flags; 16 bytes of UUID, name
--   state:  format, phase and marks (16: has runs, 32: has rules), base_ms, seen_ms, recorded_ms, down_at_ms; and delayed_ms,
--           if blind time delayed the down
--   event:  format, kind, at_ms, silence_ms, started_ms, seen_ms, monitor, org, interval_s, grace_s; UUID, name
--   event in format 2, for an incident that blind time delayed: the same, with delayed_ms between UUID and name
--   event in format 3, where there is a cause or a schedule: cause, delayed_ms, length of the schedule's words, these, name
--   event in format 4, of an overrun: the same, with the moment at which the run began (0: it is over) before the words
--   event of a metric: the same up to the UUID, then channel, rule, and what is opaque here
local CONFIG, CONFIG_LEAST, CONFIG_TAIL = '<BI4I4I4I4I2B', 36, 21
local STATE, STATE_LENGTH, DELAY, DELAY_LENGTH = '<BBI6I6I6I6', 26, '<I6', 6
local EVENT, EVENT_DELAYED, EVENT_FULL, EVENT_OF_RUN, UUID_LENGTH = '<BBI6I6I6I6I4I4I4I4', 2, 3, 4, 16
local FULL, MARK_RUNS, MARK_RULES, MARKED = '<BI6I2', 1, 2, 16
local ACTIVE, DOWN, PAUSED = 1, 2, 3
local EVENT_DOWN, EVENT_UP, EVENT_CLOSED, EVENT_REMINDER = 1, 2, 3, 11
local FLAG_PAUSED = 1

local function read_config(blob)
  if not blob or #blob < CONFIG_LEAST then return nil end
  local format, version, interval_s, grace_s, org, epoch, flags = struct.unpack(CONFIG, blob)
  if format ~= 1 then return nil end
  return version, interval_s, grace_s, org, epoch, flags
end

local function read_state(blob)
  if not blob or (#blob ~= STATE_LENGTH and #blob ~= STATE_LENGTH + DELAY_LENGTH) then return nil end
  local format, phase, base, seen, recorded, down_at = struct.unpack(STATE, blob)
  local marks = math.floor(phase / MARKED)
  phase = phase % MARKED
  if format ~= 1 or phase < ACTIVE or phase > PAUSED then return nil end
  local delayed = #blob > STATE_LENGTH and struct.unpack(DELAY, blob, STATE_LENGTH + 1) or 0
  return phase, base, seen, recorded, down_at, delayed, marks
end

local function pack_state(phase, base, seen, recorded, down_at, delayed, marks)
  local packed = struct.pack(STATE, 1, phase + MARKED * (marks or 0), base, seen, recorded, down_at)
  if delayed and delayed > 0 then packed = packed .. struct.pack(DELAY, delayed) end
  return packed
end

local function pack_event(kind, at, silence, started, seen, id, config, delayed, cause, words, run_start)
  local _, _, interval_s, grace_s, org = struct.unpack(CONFIG, config)
  local is_delayed = delayed and delayed > 0
  local is_full = cause and (cause > 0 or words ~= '')
  local head = struct.pack(
    EVENT, is_full and (run_start and EVENT_OF_RUN or EVENT_FULL) or is_delayed and EVENT_DELAYED or 1, kind, at, silence, started, seen, tonumber(id), org, interval_s, grace_s)
  local name_at = CONFIG_TAIL + UUID_LENGTH
  if is_full then
    head = head .. string.sub(config, CONFIG_TAIL, name_at - 1)
    local begun = run_start and struct.pack(DELAY, run_start) or ''
    return head .. struct.pack(FULL, cause, delayed or 0, #words) .. begun .. words .. string.sub(config, name_at)
  end
  if not is_delayed then return head .. string.sub(config, CONFIG_TAIL) end
  return head .. string.sub(config, CONFIG_TAIL, name_at - 1) .. struct.pack(DELAY, delayed) .. string.sub(config, name_at)
end

-- A moment in the future was written before the clock stepped back; what it says now is: not before now. When a ping was
-- recorded is not known then, so that none is refused for its rate.
local function brought_back(now, phase, base, seen, recorded)
  if phase == ACTIVE and base > now then base = now end
  if seen > now then seen = now end
  if recorded > now then recorded = 0 end
  return base, seen, recorded
end

-- The order of deadlines may lag behind the pings, but by less than the grace: time is cut into pieces of that length, and
-- only the first ping in each of them moves its monitor. Who pings once in an interval is moved each time, and is never met
-- by the sweep, which computes the true deadline. Where the piece of a moment began:
local function piece_of(moment, grace_s)
  if grace_s == 0 then return moment end
  return moment - moment % (grace_s * 1000)
end

-- The status under which a monitor is counted in the tallies.
local function counted_as(phase, seen)
  if phase == DOWN then return 'down' end
  if phase == PAUSED then return 'paused' end
  return seen == 0 and 'new' or 'up'
end
