#!lua flags=allow-oom
-- deliver: turns events into one delivery per channel and acknowledges them, in one atomic step.
--
-- KEYS  generation events dispatched orgs deliveries due lines channels dead died buried letters tallies
-- ARGV  generation, at most how many events
-- Returns  {events, deliveries, kinds}: `kinds` has a byte per event
-- Errors   GENERATION
-- Cost  O(events × channels)
--
-- An event of a metric is for one channel, if that is still there; every other one is for all of its organisation. The end
-- of what a channel was never told, because that is a dead letter, is one too.
-- Several sweepers may call it at once: whoever comes second finds the events acknowledged.
--@include clock
--@include generation
--@include lines
--@include letters
--@include dead
local K_EVENTS, K_DISPATCHED, K_ORGS = KEYS[2], KEYS[3], KEYS[4]
local K_DELIVERIES, K_DUE, K_LINES, K_CHANNELS = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local YARD, K_LETTERS, K_TALLIES = {dead = KEYS[9], died = KEYS[10], buried = KEYS[11]}, KEYS[12], KEYS[13]
local EVENT_CLOSED = 3
local now = now_ms()

-- The ids of the channels that an event is for, each packed as I4.
local function channels_of(kind, org, event)
  if kind == EVENT_CLOSED then return '' end
  if kind < FIRST_METRIC_KIND or kind > LAST_METRIC_KIND then
    return string.sub(redis.call('HGET', K_ORGS, string.format('%.0f', org)) or '', 5)
  end
  if #event < METRIC_AT + 7 then return '' end
  local channel = struct.unpack(METRIC, event, METRIC_AT)
  if redis.call('HEXISTS', K_CHANNELS, string.format('%.0f', channel)) == 0 then return '' end
  return struct.pack('<I4', channel)
end

local last = redis.call('GET', K_DISPATCHED)
local entries = redis.call('XRANGE', K_EVENTS, last and '(' .. last or '-', '+', 'COUNT', tonumber(ARGV[2]))
local made, kinds = 0, {}
for i = 1, #entries do
  local format, kind, org, _ = 0, 0, 0, nil
  local entry, event = entries[i][1], entries[i][2][2]
  if #event >= EVENT_LEAST then format, kind, _, _, _, _, _, org = struct.unpack(EVENT_HEAD, event) end
  -- One that cannot be read is passed over; the recorder reports it.
  if format < 1 or format > LAST_FORMAT or kind < 1 or kind > LAST_KIND then kind = EVENT_CLOSED end
  kinds[i] = string.char(kind)
  local channels = channels_of(kind, org, event)
  if #channels > 0 then note_made(entry, event, channels) end
  for at = 1, #channels - 3, 4 do
    local delivery = entry .. ':' .. string.format('%.0f', (struct.unpack('<I4', channels, at)))
    local line = line_of(delivery, event)
    if is_end(event) and beginning_is_buried(YARD, line) and redis.call('HEXISTS', K_LINES, line) == 0 then
      bury(YARD, delivery, struct.pack(DELIVERY, 1, 0) .. event, now)
      note_moved(delivery, 0, DEAD, 0, 0, 0, TAKEN_ALONG)
    else
      join_line(K_DELIVERIES, K_DUE, K_LINES, delivery, 0, event, now)
    end
    made = made + 1
  end
  last = entry
end
thin_out(YARD, K_TALLIES)
if #entries > 0 then
  redis.call('SET', K_DISPATCHED, last)
  write_letters(K_LETTERS, K_TALLIES, now, last)
end
return {#entries, made, table.concat(kinds)}
