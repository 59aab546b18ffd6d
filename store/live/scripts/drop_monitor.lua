#!lua flags=allow-oom
-- drop_monitor: forgets a deleted monitor and leaves a tombstone, so that a change that was carried late revives nothing.
--
-- KEYS  generation config state deadlines tallies events tombstones broken named rules runs reminders, then the bucket of each digest
-- ARGV  generation, monitor id, version of the deletion, digests
-- Returns  1 applied, 0 ignored
-- Errors   GENERATION; nothing is written
-- Cost  O(digests)
--@include clock
--@include generation
--@include records
--@include watch
local K_CONFIG, K_STATE, K_DEADLINES, K_TALLIES = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_EVENTS, K_TOMBSTONES, K_BROKEN, K_NAMED, FIRST_BUCKET, FIRST_DIGEST = KEYS[6], KEYS[7], KEYS[8], KEYS[9], 13, 4
local K_RULES, K_RUNS, K_REMINDERS = KEYS[10], KEYS[11], KEYS[12]
local id, version = ARGV[2], tonumber(ARGV[3])
local now = now_ms()

if is_buried(K_TOMBSTONES, id, version) then return 0 end
local config = redis.call('HGET', K_CONFIG, id)
local phase, base, seen, _, down_at = read_state(redis.call('HGET', K_STATE, id))
if phase == DOWN and read_config(config) then close_incident(K_EVENTS, now, id, base, down_at, seen, config) end
if phase then redis.call('HINCRBY', K_TALLIES, counted_as(phase, seen), -1) end
redis.call('HDEL', K_CONFIG, id)
redis.call('HDEL', K_STATE, id)
redis.call('ZREM', K_DEADLINES, id)
redis.call('SREM', K_BROKEN, id)
redis.call('HDEL', K_NAMED, id)
redis.call('HDEL', K_RULES, id)
redis.call('HDEL', K_RUNS, id)
redis.call('ZREM', K_REMINDERS, id)
for i = 0, #ARGV - FIRST_DIGEST do redis.call('HDEL', KEYS[FIRST_BUCKET + i], ARGV[FIRST_DIGEST + i]) end

-- A few old tombstones go with every deletion, so that they do not pile up.
local sample = redis.call('HRANDFIELD', K_TOMBSTONES, TOMBSTONES_SWEPT, 'WITHVALUES')
for i = 1, #sample, 2 do
  local _, since = struct.unpack('<I4I6', sample[i + 1])
  if now - since > TOMBSTONE_LIFE_MS then redis.call('HDEL', K_TOMBSTONES, sample[i]) end
end
redis.call('HSET', K_TOMBSTONES, id, struct.pack('<I4I6', version, now))
return 1
