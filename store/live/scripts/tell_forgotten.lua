#!lua flags=allow-oom
-- tell_forgotten: tells of incidents that the history has open and Redis has forgotten: they began, and (if so) they are over.
--
-- KEYS  generation events config state rules runs
-- ARGV  generation, up to where the history has read the events, then per incident: monitor id, silence_ms, started_ms,
--       delayed_ms, cause
-- Returns  a byte each: 0 it lasts, or nothing can be said yet; 1 it is over and told; 2 it is over, and that is nobody's business.
--          '' while there are very many events that the history has not read, or it takes others for them
-- Errors   GENERATION; nothing is written
-- Cost  O(incidents and unread events), 500 of these at most
--
-- A Redis that came back without its last moments may have forgotten an incident that was told. If the monitor succeeds before
-- it is missed again, nothing else would ever tell of the end. So both are appended: the beginning, which not everybody may have
-- heard of, and the end. They have the ids that they had.
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
--@include fallen
local K_EVENTS, K_CONFIG, K_STATE, K_RULES, K_RUNS, FIRST, STEP = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], 3, 5
local FAILED, now = 1, now_ms()
local MOST_UNREAD, MONITOR_AT = 500, 27
local LASTS, TOLD, OVER = '\0', '\1', '\2'

if has_fallen_behind(K_EVENTS, ARGV[2]) then return '' end

-- Of whom the history has something to hear yet, nothing can be said.
local is_on_its_way = {}
local unread = redis.call('XRANGE', K_EVENTS, '(' .. ARGV[2], '+', 'COUNT', MOST_UNREAD + 1)
if #unread > MOST_UNREAD then return '' end
for i = 1, #unread do
  local event = unread[i][2][2]
  if #event >= MONITOR_AT + 3 then is_on_its_way[struct.unpack('<I4', event, MONITOR_AT)] = true end
end

-- Whether a success has come since: after the beginning of the silence, and after the failure, if it was one. The base may also
-- come from an edit, which is later than all pings, or from the start of a run.
local function has_succeeded(one, silence, started, cause)
  if one.base <= silence or one.base > one.seen or cause == FAILED and one.base < started then return false end
  for i = 1, #one.runs.open do
    if one.runs.open[i].start == one.base then return false end
  end
  return true
end

local found = {}
for i = FIRST, #ARGV, STEP do
  local id, silence, started, delayed = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local cause, config = tonumber(ARGV[i + 4]), redis.call('HGET', K_CONFIG, id)
  local state = redis.call('HGET', K_STATE, id)
  local phase, base, seen, _, down_at, delayed_now, marks = read_state(state)
  local one = phase and read_config(config)
    and kit().load(K_RULES, K_RUNS, now, id, config, phase, base, seen, down_at, delayed_now, marks)
  local function tell(kind, at)
    redis.call('XADD', K_EVENTS, '*', 'e', pack_event(kind, at, silence, started, silence, id, config, delayed, cause, one.rules.words))
  end
  local verdict = LASTS
  if is_on_its_way[tonumber(id)] then
    verdict = LASTS
  elseif not state and not config or phase == PAUSED then
    verdict = OVER
  elseif one and has_succeeded(one, silence, started, cause) then
    tell(EVENT_DOWN, started)
    tell(EVENT_UP, math.max(base, started))
    verdict = TOLD
  elseif phase == DOWN and base > silence then
    verdict = OVER
  end
  found[#found + 1] = verdict
end
return table.concat(found)
