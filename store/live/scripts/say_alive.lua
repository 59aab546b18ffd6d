#!lua flags=allow-oom
-- say_alive: notes for a while that a part is up and ready; a plain SET would be refused when memory is full.
--
-- KEYS  generation part
-- ARGV  generation, for how many ms
-- Returns  1
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--@include generation
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
