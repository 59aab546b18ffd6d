#!lua
-- restore_events: appends events that nobody was told of when Redis was emptied, so that they are told now.
--
-- KEYS  generation events
-- ARGV  generation, then per event, in order: where the history has it, the event
-- Returns  how many were appended
-- Errors   none of its own
-- Cost  O(events). The generation is not checked: it is set last, when the rebuilding is complete.
for i = 2, #ARGV, 2 do redis.call('XADD', KEYS[2], '*', 'e', ARGV[i + 1], 'r', ARGV[i]) end
return (#ARGV - 1) / 2
