#!lua
-- create_monitors: begins to watch many monitors at once, as they were imported. Refused when memory is full.
--
-- KEYS  generation config state deadlines tallies tombstones, then the bucket of each digest
-- ARGV  generation, how many monitors, their ids, their packed configs, then monitor id and digest in turn
-- Returns  how many were not there yet; one that was carried, changed or deleted before is left alone
-- Errors   GENERATION; MALFORMED; OOM; nothing is written
-- Cost  O(monitors + digests): two vector reads, four vector writes, one HSET a digest
--@include clock
--@include generation
--@include records
--@include plant
local K_CONFIG, K_STATE, K_DEADLINES, K_TALLIES, K_TOMBSTONES = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local FIRST_ID, FIRST_BUCKET = 3, 7
local monitors = tonumber(ARGV[2])
local first_config, first_digest = FIRST_ID + monitors, FIRST_ID + 2 * monitors
local now = now_ms()

for i = 0, monitors - 1 do
  if not read_config(ARGV[first_config + i]) then return redis.error_reply('MALFORMED config') end
end
local there = redis.call('HMGET', K_CONFIG, unpack(ARGV, FIRST_ID, first_config - 1))
local buried = redis.call('HMGET', K_TOMBSTONES, unpack(ARGV, FIRST_ID, first_config - 1))
local is_new, count = {}, 0
for i = 0, monitors - 1 do
  if not there[i + 1] and not buried[i + 1] then
    local id, config = ARGV[FIRST_ID + i], ARGV[first_config + i]
    local _, interval_s, grace_s, _, _, flags = read_config(config)
    local phase = flags % 2 == FLAG_PAUSED and PAUSED or ACTIVE
    plant(id, config, (interval_s + grace_s) * 1000, phase, now, 0, 0, 0)
    is_new[id], count = true, count + 1
  end
end
write_planted(K_CONFIG, K_STATE, K_DEADLINES, K_TALLIES)
for i = first_digest, #ARGV, 2 do
  if is_new[ARGV[i]] then
    redis.call('HSET', KEYS[FIRST_BUCKET + (i - first_digest) / 2], ARGV[i + 1], ARGV[i])
  end
end
return count
