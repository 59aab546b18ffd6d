#!lua flags=no-writes
-- look: reads the states of monitors for somebody who asks.
--
-- KEYS  generation state
-- ARGV  generation, monitor ids packed as <I4 each, at most 1,000
-- Returns  {now_ms, packed states one after the other, zeros for one that is not there or unreadable}
-- Errors   GENERATION
-- Cost  O(ids); ids and states are one value each on the wire, because clients take longer over many than this does
--@include clock
--@include generation
--@include records
local count = #ARGV[2] / 4
if count == 0 then return {now_ms(), ''} end
local ids = {struct.unpack('<' .. string.rep('I4', count), ARGV[2])}
ids[count + 1] = nil  -- where it stopped reading
local states, nothing = redis.call('HMGET', KEYS[2], unpack(ids)), string.rep('\0', STATE_LENGTH)
for i = 1, count do
  if not states[i] or #states[i] ~= STATE_LENGTH then states[i] = nothing end
end
return {now_ms(), table.concat(states)}
