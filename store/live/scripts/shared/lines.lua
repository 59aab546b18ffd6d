-- Lines keep the order per (channel, incident): ids joined by spaces, only the first one is due.
-- A delivery: format, turn; then its event. Its id is `<event id>:<channel id>`. Its turn is how many attempts have failed, and
-- A_LEASE times how often it was leased since: that is the token of a lease, as every lease and every failure makes it another.
local DELIVERY, DELIVERY_EVENT_AT, EVENT_LEAST, A_LEASE = '<BI2', 4, 58, 256
-- An event as far as it is read here (records.lua has all of it); in one of a metric channel and rule come after the UUID.
local EVENT_HEAD, METRIC, METRIC_AT = '<BBI6I6I6I6I4I4', '<I4I4', 59
local FIRST_METRIC_KIND, LAST_METRIC_KIND, LAST_FORMAT = 4, 5, 4
local KIND_DOWN, KIND_UP, KIND_CLEARED, KIND_UNHEARD, KIND_TRIAL, KIND_FAILING, KIND_DOWNS, KIND_UPS = 1, 2, 5, 6, 7, 8, 9, 10
-- The kinds that events have, besides reminders; collections are made of them.
local LAST_TOLD_KIND, KIND_REMINDER = KIND_FAILING, 11

local function read_delivery(blob)
  if not blob or #blob < DELIVERY_EVENT_AT then return nil end
  local format, turn = struct.unpack(DELIVERY, blob)
  if format ~= 1 then return nil end
  return turn, string.sub(blob, DELIVERY_EVENT_AT)
end

-- How many attempts have failed.
local function failed_of(turn) return turn % A_LEASE end

-- Whether an event ends what another one began.
local function is_end(event)
  local kind = string.byte(event, 2)
  return kind == KIND_UP or kind == KIND_CLEARED or kind == KIND_UPS
end

-- Whether an event says that a monitor is still down: in the line of its incident, but neither its beginning nor its end.
local function is_reminder(event)
  return string.byte(event, 2) == KIND_REMINDER
end

-- Whether an event is many in one message (collect.lua), and whether it was attempted, so that it may not grow any more.
local FLAGS, FLAGS_AT, SEALED, TAGGED = '<I4', 39, 1, 2

local function is_collected(event)
  local kind = string.byte(event, 2)
  return #event >= EVENT_LEAST and (kind == KIND_DOWNS or kind == KIND_UPS)
end

local function is_sealed(event)
  return struct.unpack(FLAGS, event, FLAGS_AT) % 2 == SEALED
end

local function with_flag(event, flag)
  local flags = struct.unpack(FLAGS, event, FLAGS_AT)
  if math.floor(flags / flag) % 2 == 0 then flags = flags + flag end
  return string.sub(event, 1, FLAGS_AT - 1) .. struct.pack(FLAGS, flags) .. string.sub(event, FLAGS_AT + 4)
end

-- Where the name begins in an event of a monitor, as its format says (records.lua).
local function name_at(event)
  local format = string.byte(event)
  if format == 3 and #event >= 67 then return 68 + struct.unpack('<I2', event, 66) end
  if format == 4 and #event >= 73 then return 74 + struct.unpack('<I2', event, 66) end
  return format == 2 and 65 or 59
end

-- The line of collected downs and of the ups that follow them; or of ups that follow nothing that still waits.
local function line_of_window(channel, window, is_free)
  return channel .. (is_free == 1 and ':u:' or ':d:') .. string.format('%.0f', window)
end

-- The line of an event for a channel: that, the monitor and the moment that made its incident; for a metric also its rule.
local function line_for(channel, event)
  local _, kind, _, began, _, _, monitor = struct.unpack(EVENT_HEAD, event)
  if kind == KIND_DOWNS or kind == KIND_UPS then return line_of_window(channel, began, monitor) end
  local line = channel .. ':' .. monitor .. ':' .. string.format('%.0f', began)
  if kind < FIRST_METRIC_KIND or kind == KIND_REMINDER then return line end
  if kind > LAST_METRIC_KIND then return line .. ':k' .. kind end
  local _, alert = struct.unpack(METRIC, event, METRIC_AT)
  return line .. ':' .. string.format('%.0f', alert)
end

local function line_of(delivery, event)
  return line_for(string.match(delivery, ':(%d+)$'), event)
end

-- The line that a delivery stands in, when its event cannot be read any more.
local function line_with(lines_key, delivery)
  local lines = redis.call('HGETALL', lines_key)
  for i = 1, #lines, 2 do
    if string.find(' ' .. lines[i + 1] .. ' ', ' ' .. delivery .. ' ', 1, true) then return lines[i] end
  end
  return ''
end

-- Puts a delivery at the end of its line; the first one of a line is due.
local function join_line(deliveries_key, due_key, lines_key, delivery, failed, event, due)
  local line = line_of(delivery, event)
  local waiting = redis.call('HGET', lines_key, line)
  redis.call('HSET', deliveries_key, delivery, struct.pack(DELIVERY, 1, failed) .. event)
  redis.call('HSET', lines_key, line, waiting and waiting .. ' ' .. delivery or delivery)
  if not waiting then redis.call('ZADD', due_key, due, delivery) end
end

-- When the next one of a line is due: at once, but what still grows has its time.
local function due_of(deliveries_key, delivery, now)
  local turn, event = read_delivery(redis.call('HGET', deliveries_key, delivery))
  if not turn or not is_collected(event) or is_sealed(event) then return now end
  local _, _, _, _, _, due = struct.unpack(EVENT_HEAD, event)
  return math.max(now, due)
end

-- Takes a settled delivery out; the next one of its line is due. Returns the rest of the line.
local function leave_line(deliveries_key, due_key, lines_key, delivery, event, now)
  redis.call('HDEL', deliveries_key, delivery)
  redis.call('ZREM', due_key, delivery)
  local line = #event >= EVENT_LEAST and line_of(delivery, event) or line_with(lines_key, delivery)
  local waiting = redis.call('HGET', lines_key, line) or ''
  local rest = {}
  for other in string.gmatch(waiting, '%S+') do
    if other ~= delivery then rest[#rest + 1] = other end
  end
  if #rest == 0 then
    redis.call('HDEL', lines_key, line)
  else
    redis.call('HSET', lines_key, line, table.concat(rest, ' '))
    redis.call('ZADD', due_key, 'NX', due_of(deliveries_key, rest[1], now), rest[1])
  end
  return rest
end
