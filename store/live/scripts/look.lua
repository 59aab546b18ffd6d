#!lua flags=no-writes
-- look: reads the states of monitors for somebody who asks.
--
-- KEYS  generation state
-- ARGV  generation, monitor ids
-- Returns  {now_ms, packed state or false …}
-- Errors   GENERATION
-- Cost  O(ids)
--@include clock
--@include generation
local states = {}
if #ARGV > 1 then states = redis.call('HMGET', KEYS[2], unpack(ARGV, 2)) end
table.insert(states, 1, now_ms())
return states
