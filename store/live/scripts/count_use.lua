#!lua flags=allow-oom
-- count_use: counts one call of the admin API against what somebody may do in a minute; beyond that counts nothing.
--
-- KEYS  generation uses
-- ARGV  generation, who (a key or a sender), at most how many a minute
-- Returns  0 counted, or the ms until the next minute
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--
-- The hash holds one minute: the first use of the next one empties it. It is bounded, so a flood of senders fills nothing.
--@include clock
--@include generation
local MINUTE_MS, MOST_KNOWN, FIELD = 60000, 100000, 'minute'
local K_USES, who, most = KEYS[2], ARGV[2], tonumber(ARGV[3])
local now = now_ms()
local minute = string.format('%.0f', math.floor(now / MINUTE_MS))
if redis.call('HGET', K_USES, FIELD) ~= minute then
  redis.call('UNLINK', K_USES)
  redis.call('HSET', K_USES, FIELD, minute)
  redis.call('PEXPIRE', K_USES, 2 * MINUTE_MS)
end
local used = tonumber(redis.call('HGET', K_USES, who)) or 0
if used >= most then return (tonumber(minute) + 1) * MINUTE_MS - now end
if used > 0 or redis.call('HLEN', K_USES) < MOST_KNOWN then redis.call('HINCRBY', K_USES, who, 1) end
return 0
