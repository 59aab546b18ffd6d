#!lua flags=no-writes
-- inspect: tells of monitors where each of them stands, and where its deadline ought to be.
--
-- KEYS  generation config state deadlines blind rules runs
-- ARGV  generation, monitor ids
-- Returns  per id: packed config or false, status (new, up, down, paused; '' unreadable; false: there is none), stored
--          deadline_ms or -1, the least that it may be (without blind time, as order may lag by a grace), deadline_ms as the sweep would compute it now (0: no window)
-- Errors   GENERATION
-- Cost  O(ids)
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
local K_CONFIG, K_STATE, K_DEADLINES, K_BLIND = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local found = {}
if #ARGV < 2 then return found end
local configs = redis.call('HMGET', K_CONFIG, unpack(ARGV, 2))
local states = redis.call('HMGET', K_STATE, unpack(ARGV, 2))
local scores = redis.call('ZMSCORE', K_DEADLINES, unpack(ARGV, 2))
local holes = read_holes(redis.call('GET', K_BLIND))
for i = 1, #ARGV - 1 do
  local version, interval_s, grace_s = read_config(configs[i])
  local phase, base, seen, _, down_at, delayed, marks = read_state(states[i])
  local least, deadline = 0, 0
  if version and phase then
    least = piece_of(base, grace_s) + (interval_s + grace_s) * 1000
    deadline = effective_deadline(base, (interval_s + grace_s) * 1000, holes)
    local one = marks > 0
      and kit().load(KEYS[6], KEYS[7], now_ms(), ARGV[i + 1], configs[i], phase, base, seen, down_at, delayed, marks)
    if one then least, deadline = kit().judged_at(one, {}), kit().judged_at(one, holes) end
  end
  found[#found + 1] = configs[i]
  found[#found + 1] = phase and counted_as(phase, seen) or states[i] and ''
  found[#found + 1] = scores[i] and tonumber(scores[i]) or -1
  found[#found + 1] = least
  found[#found + 1] = deadline
end
return found
