#!lua flags=allow-oom
-- drop_writer: takes a writer that has fallen silent out of the registry, so that it no longer holds the clock.
--
-- KEYS  generation writers replies heard blind tallies
-- ARGV  generation, slot, for how many ms it has to have been silent (0: also one that is heard)
-- Returns  {0, 0} it is not there, {1, silent_ms} it is heard, {2, unheard_ms} dropped
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--@include clock
--@include generation
--@include blind
--@include writers
local NOT_THERE, HEARD, DROPPED = 0, 1, 2
local UNREADABLE_MS = 3600000
local blob = redis.call('HGET', KEYS[2], ARGV[2])
if not blob then return {NOT_THERE, 0} end
local now, least_silent = now_ms(), tonumber(ARGV[3])
-- For how long a record could not be read is not known; no verdict was given meanwhile.
local died_at = read_writer(blob) or now - UNREADABLE_MS
local watermark = math.min(died_at, now)
local silent = now - watermark
if silent < least_silent then return {HEARD, silent} end
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
-- What it held is lost, however short the time. If nobody else listens, the next who registers notes the hole.
local is_loss, is_last = may_be_lost(died_at, now), redis.call('HLEN', KEYS[2]) == 0
if is_last then redis.call('SET', KEYS[4], watermark) end
if is_loss or not is_last then add_hole(KEYS[5], KEYS[6], watermark, now, is_loss) end
return {DROPPED, silent}
