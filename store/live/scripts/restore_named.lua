#!lua
-- restore_named: puts back which channels monitors name, after Redis was emptied.
--
-- KEYS  generation named
-- ARGV  generation, then per monitor: its id, the channels that it names (I4 each)
-- Returns  how many monitors that are
-- Errors   none of its own
-- Cost  O(monitors). The generation is not checked: it is set last, when the rebuilding is complete.
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return (#ARGV - 1) / 2
