#!lua flags=allow-oom
-- refresh_rules: gives monitors the ticks and quiet times that lie ahead of them now.
--
-- KEYS  generation config state deadlines blind rules runs reminders broken
-- ARGV  generation, then per monitor: id, the version of the configuration that the rules belong to, packed rules
-- Returns  a byte each: 1 it was refreshed; 2 it has another version, 0 it is not there, and is left alone
-- Errors   GENERATION; MALFORMED; nothing is written
-- Cost  O(monitors)
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
local K_CONFIG, K_STATE, K_DEADLINES, K_BLIND = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_RULES, K_RUNS, K_REMINDERS, K_BROKEN, FIRST, FLAGS_AT = KEYS[6], KEYS[7], KEYS[8], KEYS[9], 2, 20
for i = FIRST, #ARGV, 3 do
  if not kit().read_rules(ARGV[i + 2]) then return redis.error_reply('MALFORMED rules') end
end
local now, holes, fates = now_ms(), read_holes(redis.call('GET', K_BLIND)), {}

for i = FIRST, #ARGV, 3 do
  local id, packed = ARGV[i], ARGV[i + 2]
  local config = redis.call('HGET', K_CONFIG, id)
  local version, _, _, _, _, flags = read_config(config)
  local phase, base, seen, recorded, down_at, delayed, marks = read_state(redis.call('HGET', K_STATE, id))
  if phase and version == tonumber(ARGV[i + 1]) then
    base, seen, recorded = brought_back(now, phase, base, seen, recorded)
    local was = kit().load(K_RULES, K_RUNS, now, id, config, phase, base, seen, down_at, delayed, marks)
    local former_deadline = was and kit().silence_deadline(was, holes) or kit().NEVER
    -- A quiet time may be all that it has: then it did not have rules so far.
    local ruled = math.floor(flags / kit().FLAG_RULED) % 2
    flags = flags - kit().FLAG_RULED * ruled + (packed ~= '' and kit().FLAG_RULED or 0)
    config = string.sub(config, 1, FLAGS_AT - 1) .. string.char(flags) .. string.sub(config, FLAGS_AT + 1)
    redis.call('HSET', K_CONFIG, id, config)
    if packed ~= '' then redis.call('HSET', K_RULES, id, packed) else redis.call('HDEL', K_RULES, id) end
    local one = kit().load(K_RULES, K_RUNS, now, id, config, phase, base, seen, down_at, delayed, marks)
    -- As an edit, this alone never makes a monitor overdue.
    local is_shorter = former_deadline > now and former_deadline < kit().NEVER
    if phase == ACTIVE and is_shorter and kit().silence_deadline(one, holes) <= now then one.base = now end
    kit().note(one, holes)
    redis.call('HSET', K_STATE, id, kit().pack(one, recorded))
    if not was then redis.call('SREM', K_BROKEN, id) end
    fates[#fates + 1] = '\1'
  else
    fates[#fates + 1] = version and version ~= tonumber(ARGV[i + 1]) and '\2' or '\0'
  end
end
kit().write(K_DEADLINES, K_RUNS, K_REMINDERS)
return table.concat(fates)
