#!lua flags=no-writes
-- find_lost: tells which deliveries that the log knows as unsettled are not here, once the log has been read to its end.
--
-- KEYS  generation letters deliveries dead
-- ARGV  generation, delivery ids
-- Returns  the ids that are neither waiting nor dead letters; none while there is more of the log to be read
-- Errors   GENERATION
-- Cost  O(ids)
--@include generation
local lost = {}
if redis.call('XLEN', KEYS[2]) > 0 then return lost end
for i = 2, #ARGV do
  if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 0 and redis.call('HEXISTS', KEYS[4], ARGV[i]) == 0 then
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
