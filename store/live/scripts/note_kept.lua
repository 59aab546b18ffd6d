#!lua flags=allow-oom
-- note_kept: notes up to which change of rules the keeper has seen to; a plain SET would be refused when memory is full.
--
-- KEYS  generation kept
-- ARGV  generation, number of the change
-- Returns  1
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--@include generation
redis.call('SET', KEYS[2], ARGV[2])
return 1
