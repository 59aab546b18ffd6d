#!lua flags=allow-oom
-- tell_forgotten: tells of silences that the history has open and Redis has forgotten: they began, and (if so) they are over.
--
-- KEYS  generation events config state
-- ARGV  generation, up to where the history has read the events, then per incident: monitor id, silence_ms, started_ms, delayed_ms
-- Returns  a byte each: 0 it lasts, or nothing can be said yet; 1 it is over and told; 2 it is over, and that is nobody's business.
--          '' while there are events that the history has not read
-- Errors   GENERATION; nothing is written
-- Cost  O(incidents)
--
-- A Redis that came back without its last moments may have forgotten a silence that was told. If the monitor pings before it is
-- missed again, nothing else would ever tell of the end. So both are appended: the beginning, which not everybody may have heard
-- of, and the end. They have the ids that they had.
--@include generation
--@include records
local K_EVENTS, K_CONFIG, K_STATE, FIRST, STEP = KEYS[2], KEYS[3], KEYS[4], 3, 4
local LASTS, TOLD, OVER = '\0', '\1', '\2'

local function place_of(entry)
  local ms, sequence = string.match(entry, '^(%d+)-(%d+)$')
  return tonumber(ms or 0), tonumber(sequence or 0)
end

local newest = redis.call('XREVRANGE', K_EVENTS, '+', '-', 'COUNT', 1)[1]
if newest then
  local ms, sequence = place_of(newest[1])
  local read_ms, read_sequence = place_of(ARGV[2])
  if ms > read_ms or (ms == read_ms and sequence > read_sequence) then return '' end
end

local found = {}
for i = FIRST, #ARGV, STEP do
  local id, silence, started, delayed = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local state, config = redis.call('HGET', K_STATE, id), redis.call('HGET', K_CONFIG, id)
  local phase, base, seen = read_state(state)
  local verdict = LASTS
  if not state and not config or phase == PAUSED then
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
