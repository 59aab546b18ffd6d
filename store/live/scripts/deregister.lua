#!lua flags=allow-oom
-- deregister: gives a writer slot back after everything it heard was committed. The last one notes how far it heard.
--
-- KEYS  generation writers replies heard blind tallies
-- ARGV  generation, slot, incarnation
-- Returns  1 given back, 0 it was somebody else's already
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--@include clock
--@include generation
--@include blind
--@include writers
local HOLE_LEAST_MS = 1000
local watermark, _, _, registered_as = read_writer(redis.call('HGET', KEYS[2], ARGV[2]))
if registered_as ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
local now = now_ms()
if redis.call('HLEN', KEYS[2]) == 0 then
  redis.call('SET', KEYS[4], watermark)
elseif now - watermark > HOLE_LEAST_MS then
  -- It lagged behind the others: what it did not hear is blind.
  add_hole(KEYS[5], KEYS[6], watermark, now)
end
return 1
