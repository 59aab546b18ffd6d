#!lua flags=allow-oom
-- tell_forgotten: tells of silences that the history has open and Redis has forgotten: they began, and (if so) they are over.
--
-- KEYS  generation events config state
-- ARGV  generation, up to where the history has read the events, then per incident: monitor id, silence_ms, started_ms, delayed_ms
-- Returns  a byte each: 0 it lasts, or nothing can be said yet; 1 it is over and told; 2 it is over, and that is nobody's business.
--          '' while there are very many events that the history has not read
-- Errors   GENERATION; nothing is written
-- Cost  O(incidents and unread events), 500 of these at most
--
-- A Redis that came back without its last moments may have forgotten a silence that was told. If the monitor pings before it is
-- missed again, nothing else would ever tell of the end. So both are appended: the beginning, which not everybody may have heard
-- of, and the end. They have the ids that they had.
--@include generation
--@include records
local K_EVENTS, K_CONFIG, K_STATE, FIRST, STEP = KEYS[2], KEYS[3], KEYS[4], 3, 4
local MOST_UNREAD, MONITOR_AT = 500, 27
local LASTS, TOLD, OVER = '\0', '\1', '\2'

-- Of whom the history has something to hear yet, nothing can be said.
local is_on_its_way = {}
local unread = redis.call('XRANGE', K_EVENTS, '(' .. ARGV[2], '+', 'COUNT', MOST_UNREAD + 1)
if #unread > MOST_UNREAD then return '' end
for i = 1, #unread do
  local event = unread[i][2][2]
  if #event >= MONITOR_AT + 3 then is_on_its_way[struct.unpack('<I4', event, MONITOR_AT)] = true end
end

local found = {}
for i = FIRST, #ARGV, STEP do
  local id, silence, started, delayed = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local state, config = redis.call('HGET', K_STATE, id), redis.call('HGET', K_CONFIG, id)
  local phase, base, seen = read_state(state)
  local verdict = LASTS
  if is_on_its_way[tonumber(id)] then
    verdict = LASTS
  elseif not state and not config or phase == PAUSED then
    verdict = OVER
  elseif phase and base > silence and seen > silence and read_config(config) then
    redis.call('XADD', K_EVENTS, '*', 'e', pack_event(EVENT_DOWN, started, silence, started, silence, id, config, delayed))
    redis.call('XADD', K_EVENTS, '*', 'e', pack_event(EVENT_UP, math.max(base, started), silence, started, silence, id, config, delayed))
    verdict = TOLD
  elseif phase == DOWN and base > silence then
    verdict = OVER
  end
  found[#found + 1] = verdict
end
return table.concat(found)
