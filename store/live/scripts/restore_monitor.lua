#!lua
-- restore_monitor: puts monitors back after Redis was emptied, with the state that history remembers.
--
-- KEYS  config state deadlines tallies, then the bucket of each digest
-- ARGV  monitor id, packed config, phase, base_ms (0: now), seen_ms, down_at_ms, then the digests
-- Returns  1
-- Errors   MALFORMED; nothing is written
-- Cost  O(digests). The generation is not checked: it is set last, when the rebuilding is complete.
--@include clock
--@include records
local config = ARGV[2]
local phase, base, seen, down_at = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local version, interval_s, grace_s = read_config(config)
if not version or phase < ACTIVE or phase > PAUSED then return redis.error_reply('MALFORMED monitor') end
local now = now_ms()
-- History may know of a later time than the clock: then it was stepped back.
if base == 0 or (phase == ACTIVE and base > now) then base = now end
redis.call('HSET', KEYS[1], ARGV[1], config)
redis.call('HSET', KEYS[2], ARGV[1], pack_state(phase, base, seen, seen, down_at))
if phase == ACTIVE then redis.call('ZADD', KEYS[3], base + (interval_s + grace_s) * 1000, ARGV[1]) end
redis.call('HINCRBY', KEYS[4], counted_as(phase, seen), 1)
for i = 7, #ARGV do redis.call('HSET', KEYS[i - 2], ARGV[i], ARGV[1]) end
return 1
