-- What putting and dropping a monitor have in common.
local TOMBSTONES_SWEPT, TOMBSTONE_LIFE_MS = 20, 3600000

-- true when a deletion at this version, or a later one, has already been carried.
local function is_buried(tombstones_key, id, version)
  local stone = redis.call('HGET', tombstones_key, id)
  if not stone or #stone ~= 10 then return false end
  local buried = struct.unpack('<I4', stone)
  return buried >= version
end

-- Ends an open incident without calling it recovered: the monitor was paused or deleted. No end lies before its beginning,
-- even if the clock was stepped back.
local function close_incident(events_key, now, id, base, down_at, seen, config)
  redis.call('XADD', events_key, '*', 'e', pack_event(EVENT_CLOSED, math.max(now, down_at), base, down_at, seen, id, config))
end
