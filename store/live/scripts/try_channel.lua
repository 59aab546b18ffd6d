#!lua flags=allow-oom
-- try_channel: appends an event for one channel alone, by which somebody tries it.
--
-- KEYS  generation events channels
-- ARGV  generation, channel id, event
-- Returns  1, or 0 if the channel is not here
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--@include generation
if redis.call('HEXISTS', KEYS[3], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'e', ARGV[3])
return 1
