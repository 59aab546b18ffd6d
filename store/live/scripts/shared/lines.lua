-- Lines keep the order per (channel, incident): ids joined by spaces, only the first one is due.
-- A delivery: format, attempts; then its event. Its id is `<event id>:<channel id>`.
local DELIVERY, DELIVERY_EVENT_AT, EVENT_LEAST = '<BI2', 4, 58
-- An event as far as it is read here (records.lua has all of it); in one of a metric channel and rule come after the UUID.
local EVENT_HEAD, METRIC, METRIC_AT = '<BBI6I6I6I6I4I4', '<I4I4', 59
local FIRST_METRIC_KIND, LAST_METRIC_KIND, LAST_KIND, LAST_FORMAT = 4, 5, 6, 2
local KIND_UP, KIND_CLEARED = 2, 5

local function read_delivery(blob)
  if not blob or #blob < DELIVERY_EVENT_AT then return nil end
  local format, attempts = struct.unpack(DELIVERY, blob)
  if format ~= 1 then return nil end
  return attempts, string.sub(blob, DELIVERY_EVENT_AT)
end

-- Whether an event ends what another one began.
local function is_end(event)
  local kind = string.byte(event, 2)
  return kind == KIND_UP or kind == KIND_CLEARED
end

-- The line of a delivery: its channel, monitor and the moment that made its incident; for a metric also its rule.
local function line_of(delivery, event)
  local _, kind, _, began, _, _, monitor = struct.unpack(EVENT_HEAD, event)
  local line = string.match(delivery, ':(%d+)$') .. ':' .. monitor .. ':' .. string.format('%.0f', began)
  if kind < FIRST_METRIC_KIND or kind > LAST_METRIC_KIND then return line end
  local _, alert = struct.unpack(METRIC, event, METRIC_AT)
  return line .. ':' .. string.format('%.0f', alert)
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
local function join_line(deliveries_key, due_key, lines_key, delivery, attempts, event, due)
  local line = line_of(delivery, event)
  local waiting = redis.call('HGET', lines_key, line)
  redis.call('HSET', deliveries_key, delivery, struct.pack(DELIVERY, 1, attempts) .. event)
  redis.call('HSET', lines_key, line, waiting and waiting .. ' ' .. delivery or delivery)
  if not waiting then redis.call('ZADD', due_key, due, delivery) end
end

-- Takes a settled delivery out; the next one of its line is due at once. Returns the rest of the line.
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
    redis.call('ZADD', due_key, 'NX', now, rest[1])
  end
  return rest
end
