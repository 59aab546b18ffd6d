-- The log of deliveries on its way to SQLite: one entry a call, of records one after the other. Over its cap what comes is
-- left out and counted: the log never holds up an alert.
--   made:  1, length of the event's entry id, of the event, of the channels; the id, the event, the channels (I4 each)
--   moved: 2, length of the delivery's id, attempt (0: it moved without one), where to, status, duration_ms, next_ms, length of
--          the reason; the id, the reason
--   grown: 3, length of the delivery's id, of the event; the id, the event (or only its head, if nothing else has changed)
local MADE, MOVED, GROWN = '<BBI4I4', '<BBI2BI2I4I6B', '<BBI4'
local DELIVERED, RETRYING, DEAD, DROPPED, WAITING = 1, 2, 3, 4, 5
local LETTERS_CAP, LETTER_BYTES, LONGEST_REASON = 67108864, 128, 255
local letters = {}

local function note_made(entry, event, channels)
  letters[#letters + 1] = struct.pack(MADE, 1, #entry, #event, #channels) .. entry .. event .. channels
end

local function note_moved(delivery, attempt, to, status, duration_ms, next_ms, reason)
  local said = string.sub(reason, 1, LONGEST_REASON)
  letters[#letters + 1] = struct.pack(MOVED, 2, #delivery, attempt, to, status, duration_ms, next_ms, #said) .. delivery .. said
end

local function note_grown(delivery, event)
  letters[#letters + 1] = struct.pack(GROWN, 3, #delivery, #event) .. delivery .. event
end

-- Appends what was noted; `dispatched` is the last event that was turned into deliveries, or ''.
local function write_letters(letters_key, tallies_key, now, dispatched)
  if #letters == 0 and dispatched == '' then return end
  local records = table.concat(letters)
  local backlog = redis.call('HMGET', tallies_key, 'letters_appended', 'letters_trimmed')
  local appended, size = tonumber(backlog[1]) or 0, #records + LETTER_BYTES
  if appended - (tonumber(backlog[2]) or 0) + size > LETTERS_CAP then
    redis.call('HINCRBY', tallies_key, 'letters_dropped', math.max(1, #letters))
    return
  end
  appended = redis.call('HINCRBY', tallies_key, 'letters_appended', size)
  local added = redis.pcall('XADD', letters_key, '*', 't', now, 'c', appended, 'd', dispatched, 'r', records)
  if type(added) == 'table' and added.err then
    redis.call('HINCRBY', tallies_key, 'letters_dropped', math.max(1, #letters))
  end
end
