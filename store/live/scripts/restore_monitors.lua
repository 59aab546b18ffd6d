#!lua
-- restore_monitors: puts monitors back after Redis was emptied, with the states that history remembers.
--
-- KEYS  config state deadlines tallies rules reminders runs, then the bucket of each digest
-- ARGV  how many monitors, up to when history knows of all (ms), up to when it knows what was heard (ms; empty: all of it),
--       their ids, their packed configs, their packed states (a base of 0: now), their packed rules, their packed runs, then
--       monitor id and digest in turn
-- Returns  how many monitors
-- Errors   MALFORMED; nothing is written
-- Cost  O(monitors + digests). The generation is not checked: it is set last, when the rebuilding is complete.
--@include clock
--@include records
--@include blind
--@include kit
--@include plant
local FIRST_ID, FIRST_BUCKET = 4, 8
local monitors, known, heard = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) or math.huge
local first_config, first_state = FIRST_ID + monitors, FIRST_ID + 2 * monitors
local first_rules, first_runs, first_digest = FIRST_ID + 3 * monitors, FIRST_ID + 4 * monitors, FIRST_ID + 5 * monitors
local now = now_ms()

for i = 0, monitors - 1 do
  local version = read_config(ARGV[first_config + i])
  local rules = kit().read_rules(ARGV[first_rules + i])
  local phase, base, seen, recorded, down_at, delayed = read_state(ARGV[first_state + i])
  if not version or not phase or not rules then return redis.error_reply('MALFORMED monitor') end
  if base == 0 then base = now end
  -- History may know of a later time than the clock: then it was stepped back.
  base, seen, recorded = brought_back(now, phase, base, seen, recorded)
  local id, config = ARGV[FIRST_ID + i], ARGV[first_config + i]
  plant(id, config, ARGV[first_rules + i], phase, base, seen, recorded, down_at, delayed, ARGV[first_runs + i], known, heard)
end
write_planted(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
for i = first_digest, #ARGV, 2 do
  redis.call('HSET', KEYS[FIRST_BUCKET + (i - first_digest) / 2], ARGV[i + 1], ARGV[i])
end
return monitors
