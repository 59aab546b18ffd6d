#!lua flags=allow-oom
-- deliver: turns events into one delivery per channel and acknowledges them, in one atomic step.
--
-- KEYS  generation events dispatched orgs deliveries due lines
-- ARGV  generation, at most how many events
-- Returns  {events, deliveries, kinds}: `kinds` has a byte per event
-- Errors   GENERATION
-- Cost  O(events × channels)
--
-- Several sweepers may call it at once: whoever comes second finds the events acknowledged.
--@include clock
--@include generation
--@include lines
local K_EVENTS, K_DISPATCHED, K_ORGS = KEYS[2], KEYS[3], KEYS[4]
local K_DELIVERIES, K_DUE, K_LINES = KEYS[5], KEYS[6], KEYS[7]
local EVENT_CLOSED = 3
local now = now_ms()
local last = redis.call('GET', K_DISPATCHED)
local entries = redis.call('XRANGE', K_EVENTS, last and '(' .. last or '-', '+', 'COUNT', tonumber(ARGV[2]))
local made, kinds = 0, {}
for i = 1, #entries do
  local format, kind, org, _ = 0, 0, 0, nil
  local entry, event = entries[i][1], entries[i][2][2]
  if #event >= EVENT_LEAST then format, kind, _, _, _, _, _, org = struct.unpack('<BBI6I6I6I6I4I4', event) end
  -- One that cannot be read is passed over; the recorder reports it.
  if format ~= 1 or kind < 1 or kind > EVENT_CLOSED then kind = EVENT_CLOSED end
  kinds[i] = string.char(kind)
  local channels = kind ~= EVENT_CLOSED and redis.call('HGET', K_ORGS, string.format('%.0f', org)) or ''
  for at = 5, #channels - 3, 4 do
    local delivery = entry .. ':' .. string.format('%.0f', (struct.unpack('<I4', channels, at)))
    local line = line_of(delivery, event)
    local waiting = redis.call('HGET', K_LINES, line)
    redis.call('HSET', K_DELIVERIES, delivery, struct.pack(DELIVERY, 1, 0) .. event)
    redis.call('HSET', K_LINES, line, waiting and waiting .. ' ' .. delivery or delivery)
    if not waiting then redis.call('ZADD', K_DUE, now, delivery) end
    made = made + 1
  end
  last = entry
end
if #entries > 0 then redis.call('SET', K_DISPATCHED, last) end
return {#entries, made, table.concat(kinds)}
