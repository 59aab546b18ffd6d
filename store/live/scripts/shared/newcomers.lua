-- Channels that were made while a monitor was down. Nobody hears of the end of what nothing was ever told of: so it is noted which
-- of them were told of an incident, by a reminder or because its down went out late. Those that were there before need no note.
--   newcomers: channel id → since when it is there (I6); incident, as mark_of (collect.lua) names it → ids of channels (I4 each)
local CAME = '<I6'

local function came_at(blob)
  return blob and #blob == 6 and struct.unpack(CAME, blob) or 0
end

-- Whether a channel came later than the beginning of an incident.
local function is_newcomer(channel, event)
  if not channel.came or channel.came == 0 then return false end
  local _, _, _, _, started = struct.unpack(EVENT_HEAD, event)
  return channel.came > started
end

local function note_told(newcomers_key, event, channels)
  local noted, told, has_grown = nil, {}, false
  for i = 1, #channels do
    if is_newcomer(channels[i], event) then
      if not noted then
        noted = redis.call('HGET', newcomers_key, mark_of(event)) or ''
        for at = 1, #noted - 3, 4 do told[struct.unpack('<I4', noted, at)] = true end
      end
      if not told[channels[i].id] then
        noted, told[channels[i].id], has_grown = noted .. struct.pack('<I4', channels[i].id), true, true
      end
    end
  end
  if has_grown then redis.call('HSET', newcomers_key, mark_of(event), noted) end
end

-- Those of the channels that have heard of an incident which is over.
local function have_heard(newcomers_key, event, channels)
  local noted, found = redis.call('HGET', newcomers_key, mark_of(event)), {}
  local told = {}
  for at = 1, noted and #noted - 3 or 0, 4 do told[struct.unpack('<I4', noted, at)] = true end
  for i = 1, #channels do
    if told[channels[i].id] or not is_newcomer(channels[i], event) then found[#found + 1] = channels[i] end
  end
  if noted then redis.call('HDEL', newcomers_key, mark_of(event)) end
  return found
end
