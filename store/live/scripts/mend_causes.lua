#!lua flags=allow-oom
-- mend_causes: lets Redis know why monitors are down, as the history has it.
--
-- KEYS  generation config state rules runs reminders deadlines blind
-- ARGV  generation, then per monitor: id, the silence_ms of its open incident, the cause
-- Returns  how many were mended; one that is not down, or down for another silence, is left alone
-- Errors   GENERATION; nothing is written
-- Cost  O(monitors)
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
local K_CONFIG, K_STATE, K_RULES, K_RUNS = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_REMINDERS, K_DEADLINES, FIRST, STEP = KEYS[6], KEYS[7], 2, 3
local now, holes, mended = now_ms(), read_holes(redis.call('GET', KEYS[8])), 0
for i = FIRST, #ARGV, STEP do
  local id, silence, cause = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local config = redis.call('HGET', K_CONFIG, id)
  local phase, base, seen, recorded, down_at, delayed, marks = read_state(redis.call('HGET', K_STATE, id))
  local one = phase == DOWN and base == silence and read_config(config)
    and kit().load(K_RULES, K_RUNS, now, id, config, phase, base, seen, down_at, delayed, marks)
  if one then
    one.runs.cause = cause
    kit().note(one, holes)
    redis.call('HSET', K_STATE, id, kit().pack(one, recorded))
    mended = mended + 1
  end
end
kit().write(K_DEADLINES, K_RUNS, K_REMINDERS)
return mended
