#!lua flags=allow-oom
-- raise_event: appends what threshold rules have to tell to the events, each exactly once.
--
-- KEYS  generation events raised
-- ARGV  generation, the last id that the caller believes to be here, then id and event in turn, ids growing
-- Returns  the last id that is here now
-- Errors   GENERATION; nothing is written
-- Cost  O(events)
--
-- Ids that are here are ignored. If less is here than the caller believes (Redis came back without its last moments,
-- or empty), nothing is written: the caller has to begin again from what is returned.
--@include generation
local K_EVENTS, K_RAISED, FIRST = KEYS[2], KEYS[3], 3
local raised = tonumber(redis.call('GET', K_RAISED) or '0')
if raised < tonumber(ARGV[2]) then return raised end
redis.call('XLEN', K_EVENTS)
for i = FIRST, #ARGV, 2 do
  if tonumber(ARGV[i]) > raised then
    raised = tonumber(ARGV[i])
    redis.call('XADD', K_EVENTS, '*', 'e', ARGV[i + 1])
  end
end
if #ARGV >= FIRST then redis.call('SET', K_RAISED, string.format('%.0f', raised)) end
return raised
