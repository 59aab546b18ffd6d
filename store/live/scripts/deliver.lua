#!lua flags=allow-oom
-- deliver: turns events into one delivery per channel and acknowledges them, in one atomic step.
--
-- KEYS  generation events dispatched orgs deliveries due lines channels dead died buried letters tallies named manners bursts collected newcomers
-- ARGV  generation, at most how many events, after how many deliveries (or what is collected instead) it ends
-- Returns  {events, deliveries, kinds, last, more}: `kinds` has a byte per event, `last` is the event up to which all were turned;
--          more is 1 if there may be more to turn
-- Errors   GENERATION
-- Cost  O(deliveries), at most as many as asked for and those of one event, and the size of collections that grow
--
-- An event of a monitor is for the channels that it names, or else for the default ones of its organisation; one of a metric for
-- one channel, if that is still there; a trial for the channel that is tried; that a channel fails, for the others. The end of
-- what a channel was never told, because that is a dead letter, is one too; where the channel is newer, nothing. Where a channel has had its share, downs and ups are
-- collected (collect.lua). That a monitor is still down is told only where that is news (`reminded`). Several sweepers may call it at once: whoever comes second finds the events acknowledged.
--@include clock
--@include generation
--@include lines
--@include letters
--@include dead
--@include collect
--@include newcomers
local K_EVENTS, K_DISPATCHED, K_ORGS = KEYS[2], KEYS[3], KEYS[4]
local K_DELIVERIES, K_DUE, K_LINES, K_CHANNELS = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local YARD, K_LETTERS, K_TALLIES = {dead = KEYS[9], died = KEYS[10], buried = KEYS[11]}, KEYS[12], KEYS[13]
local K_NAMED, K_MANNERS, K_BURSTS, K_COLLECTED = KEYS[14], KEYS[15], KEYS[16], KEYS[17]
local K_NEWCOMERS = KEYS[18]
local EVENT_CLOSED, WAITING_AT_MOST, UNTRIED = 3, 1000, struct.pack(DELIVERY, 1, 0)
local now = now_ms()
local known_orgs, known_defaults, counted = {}, {}, {}
local some_name_channels, some_are_collected = redis.call('EXISTS', KEYS[14]) == 1, redis.call('EXISTS', KEYS[17]) == 1
local some_are_new = redis.call('EXISTS', K_NEWCOMERS) == 1
local made, kinds, turned = 0, {}, 0
local most_events, most_turned = tonumber(ARGV[2]), tonumber(ARGV[3])

-- The channels of an organisation with their manners, in order; read once a call.
local function channels_of_org(org)
  if known_orgs[org] then return known_orgs[org] end
  local ids, found = string.sub(redis.call('HGET', K_ORGS, string.format('%.0f', org)) or '', 5), {}
  local names = {}
  for at = 1, #ids - 3, 4 do
    found[#found + 1] = {id = struct.unpack('<I4', ids, at)}
    names[#names + 1] = string.format('%.0f', found[#found].id)
  end
  for i = 1, #names, 1000 do
    local last = math.min(#names, i + 999)
    local blobs = redis.call('HMGET', K_MANNERS, unpack(names, i, last))
    local came = some_are_new and redis.call('HMGET', K_NEWCOMERS, unpack(names, i, last)) or {}
    for j = i, last do
      found[j].manners, found[j].name, found[j].came = read_manners(blobs[j - i + 1]), names[j], came_at(came[j - i + 1])
    end
  end
  known_orgs[org] = found
  return found
end

local function chosen(channels, is_chosen)
  local found = {}
  for i = 1, #channels do
    if is_chosen(channels[i]) then found[#found + 1] = channels[i] end
  end
  return found
end

local function is_default(channel) return channel.manners.default end

local function default_channels(org)
  known_defaults[org] = known_defaults[org] or chosen(channels_of_org(org), is_default)
  return known_defaults[org]
end

-- Those that a monitor names and that are still there; without any of them the default ones.
local function channels_of_monitor(org, monitor)
  local ids, named = some_name_channels and redis.call('HGET', K_NAMED, string.format('%.0f', monitor)), {}
  if ids then
    for at = 1, #ids - 3, 4 do named[struct.unpack('<I4', ids, at)] = true end
    local found = chosen(channels_of_org(org), function(one) return named[one.id] end)
    if #found > 0 then return found end
  end
  return default_channels(org)
end

-- The default ones but for the one that fails (0: none does); if that leaves nobody, all others.
local function others(org, failing)
  local channels = chosen(channels_of_org(org), function(one) return one.id ~= failing end)
  local found = chosen(channels, is_default)
  return #found > 0 and found or channels
end

-- The channels that an event is for.
local function channels_of(kind, org, monitor, event)
  if kind == EVENT_CLOSED then return {} end
  if kind < FIRST_METRIC_KIND or kind == KIND_REMINDER then return channels_of_monitor(org, monitor) end
  if kind == KIND_UNHEARD then return others(org, 0) end
  if #event < METRIC_AT + 7 then return {} end
  local channel = struct.unpack(METRIC, event, METRIC_AT)
  if kind == KIND_FAILING then return others(org, channel) end
  local name = string.format('%.0f', channel)
  if redis.call('HEXISTS', K_CHANNELS, name) == 0 then return {} end
  return {{id = channel, name = name, manners = USUAL_MANNERS}}
end

-- Deliveries that were put in line wait here, and are written with one call of each kind.
local waiting, standing = {}, {}

local function write_waiting()
  if #waiting == 0 then return end
  local lines, blobs, words, due = {}, {}, {}, {}
  for i = 1, #waiting do lines[i] = waiting[i].line end
  local stood = redis.call('HMGET', K_LINES, unpack(lines))
  for i = 1, #waiting do
    local delivery = waiting[i].delivery
    blobs[2 * i - 1], blobs[2 * i] = delivery, waiting[i].blob
    words[2 * i - 1], words[2 * i] = lines[i], stood[i] and stood[i] .. ' ' .. delivery or delivery
    if not stood[i] then
      due[#due + 1] = now
      due[#due + 1] = delivery
    end
  end
  redis.call('HSET', K_DELIVERIES, unpack(blobs))
  redis.call('HSET', K_LINES, unpack(words))
  if #due > 0 then redis.call('ZADD', K_DUE, unpack(due)) end
  waiting, standing = {}, {}
end

local function put_in_line(line, delivery, event)
  if standing[line] or #waiting == WAITING_AT_MOST then write_waiting() end
  waiting[#waiting + 1] = {line = line, delivery = delivery, blob = UNTRIED .. event}
  standing[line] = true
end

local function is_standing(line)
  return standing[line] or redis.call('HEXISTS', K_LINES, line) == 1
end

-- Begins a collection; `grave` says that the beginning of its line is a dead letter, so that it becomes one too.
local function begin(kind, entry, channel, event, window, is_free)
  local due = now + channel.manners.window_ms
  if kind == KIND_DOWNS then due = window + channel.manners.window_ms end
  local line = line_of_window(string.format('%.0f', channel.id), window, is_free)
  local is_dead = kind == KIND_UPS and beginning_is_buried(YARD, line) and not is_standing(line)
  local one = begin_collection(kind, entry, channel.id, event, window, due, is_free, is_dead and YARD.dead or K_DELIVERIES)
  local packed = packed_collection(one)
  note_made(entry, packed, struct.pack('<I4', channel.id))
  if is_dead then
    bury(YARD, one.delivery, UNTRIED .. packed, now)
    note_moved(one.delivery, 0, DEAD, 0, 0, 0, TAKEN_ALONG)
  else
    join_line(K_DELIVERIES, K_DUE, K_LINES, one.delivery, 0, packed, due)
  end
  made = made + 1
end

local function collect(kind, entry, channel, event, window, is_free)
  local line = line_of_window(string.format('%.0f', channel.id), window, is_free)
  local words = redis.call('HGET', K_LINES, line)
  local one = growing(K_DELIVERIES, words, kind)
  if not one and not words then one = growing(YARD.dead, redis.call('HGET', YARD.buried, line), kind) end
  if one then
    one.has_grown = true
    add_member(one, event)
  else
    begin(kind, entry, channel, event, window, is_free)
  end
end

-- Whether a down is collected; then the marks say so.
local function down_is_collected(entry, channel, event, marks)
  local window = window_of(K_BURSTS, counted, channel.name, channel.manners, now)
  if not window then return false end
  local line = line_of_window(channel.name, window, 0)
  local words = redis.call('HGET', K_LINES, line)
  if words and not growing(K_DELIVERIES, words, KIND_DOWNS) then return false end
  collect(KIND_DOWNS, entry, channel, event, window, 0)
  marks[#marks + 1] = struct.pack(MARK, channel.id, window)
  return true
end

-- Whether an up is collected: with those whose downs were, or because there were many of late and its down is told already.
local function up_is_collected(entry, channel, event, marks)
  local window = marks[channel.id]
  if window then
    collect(KIND_UPS, entry, channel, event, window, 0)
    return true
  end
  local line = line_for(channel.name, event)
  if is_standing(line) or redis.call('HEXISTS', YARD.buried, line) == 1 then return false end
  window = window_of(K_BURSTS, counted, channel.name .. ':u', channel.manners, now)
  if not window then return false end
  collect(KIND_UPS, entry, channel, event, window, 1)
  return true
end

-- Those of the channels that are reminded: nothing of the incident still waits for them or was given up, they did not hear of
-- it among many, and they were not reminded of too many monitors in this window.
local function reminded(event, channels)
  local marks = read_marks(some_are_collected and redis.call('HGET', K_COLLECTED, mark_of(event)))
  return chosen(channels, function(channel)
    local line = line_for(channel.name, event)
    if marks[channel.id] or is_standing(line) or redis.call('HEXISTS', YARD.buried, line) == 1 then
      return false
    end
    return not window_of(K_BURSTS, counted, channel.name .. ':r', channel.manners, now)
  end)
end

-- Those of the channels that are told of this event alone; the others have it among many.
local function told_alone(kind, entry, event, channels)
  if kind == KIND_REMINDER then
    local found = reminded(event, channels)
    if some_are_new then note_told(K_NEWCOMERS, event, found) end
    return found
  end
  if kind ~= KIND_DOWN and kind ~= KIND_UP and kind ~= EVENT_CLOSED then return channels end
  if some_are_new and kind == KIND_DOWN then note_told(K_NEWCOMERS, event, channels) end
  if some_are_new and kind ~= KIND_DOWN then channels = have_heard(K_NEWCOMERS, event, channels) end
  local alone, new_marks = {}, {}
  local may_be_marked = kind ~= KIND_DOWN and some_are_collected
  local marks = may_be_marked and read_marks(redis.call('HGET', K_COLLECTED, mark_of(event))) or {}
  for i = 1, #channels do
    local is_among
    if kind == KIND_DOWN then
      is_among = down_is_collected(entry, channels[i], event, new_marks)
    else
      is_among = up_is_collected(entry, channels[i], event, marks)
    end
    if not is_among then alone[#alone + 1] = channels[i] end
  end
  if #new_marks > 0 then
    redis.call('HSET', K_COLLECTED, mark_of(event), table.concat(new_marks))
    some_are_collected = true
  elseif may_be_marked then
    redis.call('HDEL', K_COLLECTED, mark_of(event))
  end
  return alone
end

local function deliver_alone(entry, event, channels)
  local ids = {}
  for i = 1, #channels do ids[i] = struct.pack('<I4', channels[i].id) end
  if #ids > 0 then note_made(entry, event, table.concat(ids)) end
  for i = 1, #channels do
    local delivery, line = entry .. ':' .. channels[i].name, line_for(channels[i].name, event)
    if is_end(event) and beginning_is_buried(YARD, line) and not is_standing(line) then
      bury(YARD, delivery, UNTRIED .. event, now)
      note_moved(delivery, 0, DEAD, 0, 0, 0, TAKEN_ALONG)
    else
      put_in_line(line, delivery, event)
    end
    made = made + 1
  end
end

local last = redis.call('GET', K_DISPATCHED)
local entries = redis.call('XRANGE', K_EVENTS, last and '(' .. last or '-', '+', 'COUNT', most_events)
local has_more = #entries == most_events
for i = 1, #entries do
  -- The others have their turn in the next call: between two of them Redis hears pings.
  if turned >= most_turned then
    has_more = true
    break
  end
  local format, kind, org, monitor, _ = 0, 0, 0, 0, nil
  local entry, event = entries[i][1], entries[i][2][2]
  if #event >= EVENT_LEAST then format, kind, _, _, _, _, monitor, org = struct.unpack(EVENT_HEAD, event) end
  -- One that cannot be read is passed over; the recorder reports it.
  local is_readable = format >= 1 and format <= LAST_FORMAT and kind >= 1
    and (kind <= LAST_TOLD_KIND or kind == KIND_REMINDER)
  if not is_readable then kind = EVENT_CLOSED end
  kinds[i] = string.char(kind)
  local channels = channels_of(kind, org, monitor, event)
  turned = turned + #channels
  deliver_alone(entry, event, is_readable and told_alone(kind, entry, event, channels) or channels)
  last = entry
end

write_waiting()
for delivery, one in pairs(grown) do
  if one.has_grown then
    local packed = packed_collection(one)
    redis.call('HSET', one.store, delivery, struct.pack(DELIVERY, 1, one.attempts) .. packed)
    note_grown(delivery, one.had_all and head_of(one) or packed)
  end
end
for name, blob in pairs(counted) do redis.call('HSET', K_BURSTS, name, blob) end
thin_out(YARD, K_TALLIES)
if #entries > 0 then
  redis.call('SET', K_DISPATCHED, last)
  write_letters(K_LETTERS, K_TALLIES, now, last)
end
return {#kinds, made, table.concat(kinds), last or '0-0', has_more and 1 or 0}
