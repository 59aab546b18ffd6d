-- The body of create_monitor and change_monitor, which differ only in what they may do when memory is full.
local K_CONFIG, K_STATE, K_DEADLINES, K_BLIND = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_TALLIES, K_EVENTS, K_TOMBSTONES, K_NAMED, FIRST_BUCKET = KEYS[6], KEYS[7], KEYS[8], KEYS[9], 14
local K_RULES, K_RUNS, K_REMINDERS, K_BROKEN = KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local id, config, packed_rules, named, present = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local FIRST_DIGEST = 7
local now = now_ms()

local version, interval_s, grace_s, _, _, flags = read_config(config)
local rules = kit().read_rules(packed_rules)
if not version then return redis.error_reply('MALFORMED config') end
if not rules then return redis.error_reply('MALFORMED rules') end
local former = redis.call('HGET', K_CONFIG, id)
local former_version = read_config(former)
if is_buried(K_TOMBSTONES, id, version) then return 0 end
if former_version and former_version >= version then return 0 end

local holes, paused = read_holes(redis.call('GET', K_BLIND)), flags % 2 == FLAG_PAUSED
local phase, base, seen, recorded, down_at, delayed, marks = read_state(redis.call('HGET', K_STATE, id))
if phase then base, seen, recorded = brought_back(now, phase, base, seen, recorded) end
local before = phase and counted_as(phase, seen)
local was = phase and former_version
  and (kit().load(K_RULES, K_RUNS, now, id, former, phase, base, seen, down_at, delayed, marks)
    or kit().new(id, former, phase, base, seen, down_at, delayed))
local one = kit().new(id, config, phase or ACTIVE, base or now, seen or 0, down_at or 0, delayed or 0)
one.rules, one.marks, one.runs = rules, marks or 0, was and was.runs or one.runs
if not phase then
  one.phase, recorded = paused and PAUSED or ACTIVE, 0
elseif paused and phase ~= PAUSED then
  if phase == DOWN then close_incident(K_EVENTS, now, id, base, down_at, seen, config) end
  one.phase, one.down, one.delayed, one.runs = PAUSED, 0, 0, kit().read_runs(nil)
elseif not paused and phase == PAUSED then
  one.phase, one.base = ACTIVE, now
elseif phase == ACTIVE and was then
  -- From the last ping, but an edit alone never makes a monitor overdue: it gets a fresh window, or what was left.
  local former_deadline = kit().silence_deadline(was, holes)
  if not rules.scheduled and former_deadline ~= kit().NEVER then
    local limit = kit().window_end(rules, interval_s, grace_s, 0)
    local former_limit = not was.rules.scheduled and kit().window_end(was.rules, was.interval_s, was.grace_s, 0)
    if former_limit ~= limit then
      one.base = math.max(base, math.min(former_deadline, now + limit) - limit)
    end
  end
  if rules.scheduled and rules.words ~= was.rules.words and former_deadline > now then kit().excuse_ticks(one, was, holes, now) end
  if former_deadline > now and kit().silence_deadline(one, holes) <= now then one.base = math.max(base, now) end
  if was.rules.max_runtime ~= rules.max_runtime then kit().excuse_runs(one, was, holes, now) end
end

redis.call('HSET', K_CONFIG, id, config)
if named ~= '' then
  redis.call('HSET', K_NAMED, id, named)
elseif former then
  redis.call('HDEL', K_NAMED, id)
end
if packed_rules ~= '' then redis.call('HSET', K_RULES, id, packed_rules) else redis.call('HDEL', K_RULES, id) end
if one.phase == ACTIVE then one.runs.cause = 0 end
-- Whatever is there that the state knows nothing of.
redis.call('HDEL', K_RUNS, id)
kit().note(one, holes)
redis.call('HSET', K_STATE, id, kit().pack(one, recorded))
kit().write(K_DEADLINES, K_RUNS, K_REMINDERS)
-- All of it can be read again.
redis.call('SREM', K_BROKEN, id)
if one.phase == DOWN and rules.reminder > 0 then
  redis.call('ZADD', K_REMINDERS, kit().next_reminder(one, now), id)
else
  redis.call('ZREM', K_REMINDERS, id)
end
local after = counted_as(one.phase, one.seen)
if after ~= before then
  redis.call('HINCRBY', K_TALLIES, after, 1)
  if before then redis.call('HINCRBY', K_TALLIES, before, -1) end
end
for i = 0, #ARGV - FIRST_DIGEST do
  if i < present then
    redis.call('HSET', KEYS[FIRST_BUCKET + i], ARGV[FIRST_DIGEST + i], id)
  else
    redis.call('HDEL', KEYS[FIRST_BUCKET + i], ARGV[FIRST_DIGEST + i])
  end
end
return 1
