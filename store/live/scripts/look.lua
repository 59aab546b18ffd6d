#!lua flags=no-writes
-- look: reads the states of monitors for somebody who asks.
--
-- KEYS  generation state config blind
-- ARGV  generation, monitor ids
-- Returns  {now_ms, then per monitor: packed state or false, deadline_ms or -1 (of one that is watched)}
-- Errors   GENERATION
-- Cost  O(ids)
--@include clock
--@include generation
--@include records
--@include blind
local now = now_ms()
local found = {now}
if #ARGV > 1 then
  local states = redis.call('HMGET', KEYS[2], unpack(ARGV, 2))
  local configs = redis.call('HMGET', KEYS[3], unpack(ARGV, 2))
  local holes = read_holes(redis.call('GET', KEYS[4]))
  for i = 1, #states do
    local phase, base = read_state(states[i])
    local version, interval_s, grace_s = read_config(configs[i])
    found[2 * i] = states[i]
    found[2 * i + 1] = -1
    if phase == ACTIVE and version then
      found[2 * i + 1] = effective_deadline(math.min(base, now), (interval_s + grace_s) * 1000, holes)
    end
  end
end
return found
