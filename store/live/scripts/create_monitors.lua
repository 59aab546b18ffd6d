#!lua
-- create_monitors: begins to watch many monitors at once, as they were imported. Refused when memory is full.
--
-- KEYS  generation config state deadlines tallies tombstones rules reminders, then the bucket of each digest
-- ARGV  generation, how many monitors, their ids, their packed configs, their packed rules, then monitor id and digest in turn
-- Returns  how many were not there yet; one that was carried, changed or deleted before is left alone
-- Errors   GENERATION; MALFORMED; OOM; nothing is written
-- Cost  O(monitors + digests): two vector reads, four vector writes, one HSET a digest
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
--@include plant
local K_CONFIG, K_STATE, K_DEADLINES, K_TALLIES, K_TOMBSTONES = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local K_RULES, K_REMINDERS, FIRST_ID, FIRST_BUCKET = KEYS[7], KEYS[8], 3, 9
local monitors = tonumber(ARGV[2])
local first_config, first_rules, first_digest = FIRST_ID + monitors, FIRST_ID + 2 * monitors, FIRST_ID + 3 * monitors
local now = now_ms()

for i = 0, monitors - 1 do
  if not read_config(ARGV[first_config + i]) then return redis.error_reply('MALFORMED config') end
  if not kit().read_rules(ARGV[first_rules + i]) then return redis.error_reply('MALFORMED rules') end
end
local there = redis.call('HMGET', K_CONFIG, unpack(ARGV, FIRST_ID, first_config - 1))
local buried = redis.call('HMGET', K_TOMBSTONES, unpack(ARGV, FIRST_ID, first_config - 1))
local is_new, count = {}, 0
for i = 0, monitors - 1 do
  if not there[i + 1] and not buried[i + 1] then
    local id, config = ARGV[FIRST_ID + i], ARGV[first_config + i]
    local _, _, _, _, _, flags = read_config(config)
    local phase = flags % 2 == FLAG_PAUSED and PAUSED or ACTIVE
    plant(id, config, ARGV[first_rules + i], phase, now, 0, 0, 0)
    is_new[id], count = true, count + 1
  end
end
write_planted(K_CONFIG, K_STATE, K_DEADLINES, K_TALLIES, K_RULES, K_REMINDERS)
for i = first_digest, #ARGV, 2 do
  if is_new[ARGV[i]] then
    redis.call('HSET', KEYS[FIRST_BUCKET + (i - first_digest) / 2], ARGV[i + 1], ARGV[i])
  end
end
return count
