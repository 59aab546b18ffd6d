-- Collections: for a channel that people read, no more than so many downs (or ups) in a window are told one by one. What comes
-- after that is collected into one message, which is due at the end of the window. It is a delivery like any other; its event
-- (store/live/collected_event.py reads it) begins as every event does, with other words in some places:
--   format, kind, at_ms of the last, window, at_ms of the first, due_ms, 1 if it is of ups that need not wait, org, how many,
--   flags; instead of the UUID the entry and channel that it began with. Then: how many members and names follow, and the bytes
--   of the names; members (monitor, silence); names (UUID, silence_ms, started_ms, at_ms, length, name); and tags, if looked for.
-- The ups of collected downs stand in the line of these: `collected` says which window a down was collected in.
local COLLECTED, PLACE, TAIL, TAIL_AT = '<BBI6I6I6I6I4I4I4I4', '<I6I4I4I2', '<I4I2I4', 59
local MEMBER, MEMBER_BYTES, MEMBERS_KNOWN, NAMED_AT_MOST = '<I4I6', 10, 5000, 20
local MARK, MARK_BYTES, WINDOW = '<I4I6', 10, '<I6I4'
local MANNERS, USUAL_MANNERS = '<BI2I4', {default = true, size = 0, window_ms = 0}
local grown = {}

local function read_manners(blob)
  if not blob or #blob < 7 then return USUAL_MANNERS end
  local flags, size, window_s = struct.unpack(MANNERS, blob)
  return {default = flags % 2 == 1, size = size, window_ms = window_s * 1000}
end

-- Whether this one is one too many for its window: then the window's beginning, else nil. The count goes into `counted`.
local function window_of(bursts_key, counted, name, manners, now)
  if manners.size == 0 then return nil end
  local blob = counted[name] or redis.call('HGET', bursts_key, name)
  local start, count = now, 0
  if blob then start, count = struct.unpack(WINDOW, blob) end
  if now < start or now >= start + manners.window_ms then start, count = now, 0 end
  count = math.min(count + 1, 4294967295)
  counted[name] = struct.pack(WINDOW, start, count)
  return count > manners.size and start or nil
end

local function open_collection(delivery, blob)
  local attempts, event = read_delivery(blob)
  local format, kind, at, window, first, due, is_free, org, count, flags = struct.unpack(COLLECTED, event)
  local known, named, name_bytes = struct.unpack(TAIL, event, TAIL_AT)
  local members_at = TAIL_AT + 10
  local names_at = members_at + known * MEMBER_BYTES
  return {
    delivery = delivery, attempts = attempts, kind = kind, at = at, window = window, first = first, due = due,
    is_free = is_free, org = org, count = count, flags = flags, place = string.sub(event, 43, 58), known = known, named = named,
    members = {string.sub(event, members_at, names_at - 1)}, names = {string.sub(event, names_at, names_at + name_bytes - 1)},
    had_all = known >= MEMBERS_KNOWN and named >= NAMED_AT_MOST,
  }
end

local function head_of(one)
  return struct.pack(COLLECTED, 1, one.kind, one.at, one.window, one.first, one.due, one.is_free, one.org, one.count, one.flags)
    .. one.place
end

local function packed_collection(one)
  local names = table.concat(one.names)
  return head_of(one) .. struct.pack(TAIL, one.known, one.named, #names) .. table.concat(one.members) .. names
end

-- Adds an event to a collection.
local function add_member(one, event)
  local _, _, at, silence, started, _, monitor = struct.unpack(EVENT_HEAD, event)
  one.at, one.count = math.max(one.at, at), math.min(one.count + 1, 4294967295)
  if one.known < MEMBERS_KNOWN then
    one.known = one.known + 1
    one.members[#one.members + 1] = struct.pack(MEMBER, monitor, silence)
  end
  if one.named < NAMED_AT_MOST then
    local name = string.sub(event, name_at(event), name_at(event) + 254)
    one.named = one.named + 1
    one.names[#one.names + 1] = string.sub(event, 43, 58) .. struct.pack('<I6I6I6B', silence, started, at, #name) .. name
  end
end

-- What is collected in a line: the last delivery of it, if that takes more of this kind; nil: nothing there does.
local function growing(store_key, words, kind)
  local last = string.match(words or '', '(%S+)$')
  if not last then return nil end
  if grown[last] then return grown[last].kind == kind and grown[last] or nil end
  local blob = redis.call('HGET', store_key, last)
  local attempts, event = read_delivery(blob)
  if not attempts or string.byte(event, 2) ~= kind or is_sealed(event) then return nil end
  grown[last] = open_collection(last, blob)
  grown[last].store = store_key
  return grown[last]
end

local function begin_collection(kind, entry, channel, event, window, due, is_free, store_key)
  local _, _, at, _, _, _, _, org = struct.unpack(EVENT_HEAD, event)
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  local one = {
    delivery = entry .. ':' .. string.format('%.0f', channel), attempts = 0, kind = kind, at = at, window = window, first = at,
    due = due, is_free = is_free, org = org, count = 0, flags = 0,
    place = struct.pack(PLACE, tonumber(ms), tonumber(seq), channel, kind), known = 0, named = 0, members = {}, names = {},
    store = store_key,
  }
  add_member(one, event)
  grown[one.delivery] = one
  return one
end

-- The marks of an incident as a table from channel to window.
local function read_marks(blob)
  local marks = {}
  for at = 1, blob and #blob - MARK_BYTES + 1 or 0, MARK_BYTES do
    local channel, window = struct.unpack(MARK, blob, at)
    marks[channel] = window
  end
  return marks
end

local function mark_of(event)
  local _, _, _, silence, _, _, monitor = struct.unpack(EVENT_HEAD, event)
  return string.format('%.0f:%.0f', monitor, silence)
end
