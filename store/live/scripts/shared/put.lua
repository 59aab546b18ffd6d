-- The body of create_monitor and change_monitor, which differ only in what they may do when memory is full.
local K_CONFIG, K_STATE, K_DEADLINES, K_BLIND = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_TALLIES, K_EVENTS, K_TOMBSTONES, K_NAMED, FIRST_BUCKET = KEYS[6], KEYS[7], KEYS[8], KEYS[9], 10
local id, config, named, present = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local FIRST_DIGEST = 6
local now = now_ms()

local version, interval_s, grace_s, _, _, flags = read_config(config)
if not version then return redis.error_reply('MALFORMED config') end
local former = redis.call('HGET', K_CONFIG, id)
local former_version, former_interval_s, former_grace_s = read_config(former)
if is_buried(K_TOMBSTONES, id, version) then return 0 end
if former_version and former_version >= version then return 0 end

local limit, paused = (interval_s + grace_s) * 1000, flags % 2 == FLAG_PAUSED
local phase, base, seen, recorded, down_at, delayed = read_state(redis.call('HGET', K_STATE, id))
if phase then base, seen, recorded = brought_back(now, phase, base, seen, recorded) end
local before = phase and counted_as(phase, seen)
if not phase then
  phase, base, seen, recorded, down_at = paused and PAUSED or ACTIVE, now, 0, 0, 0
elseif paused and phase ~= PAUSED then
  if phase == DOWN then close_incident(K_EVENTS, now, id, base, down_at, seen, config) end
  phase, down_at, delayed = PAUSED, 0, 0
elseif not paused and phase == PAUSED then
  phase, base = ACTIVE, now
elseif phase == ACTIVE and former_version then
  -- From the last ping, but an edit alone never makes a monitor overdue: it gets a fresh window, or what was left.
  local former_limit = (former_interval_s + former_grace_s) * 1000
  if former_limit ~= limit then
    local former_deadline = effective_deadline(base, former_limit, read_holes(redis.call('GET', K_BLIND)))
    base = math.max(base, math.min(former_deadline, now + limit) - limit)
  end
end

redis.call('HSET', K_CONFIG, id, config)
if named ~= '' then
  redis.call('HSET', K_NAMED, id, named)
elseif former then
  redis.call('HDEL', K_NAMED, id)
end
redis.call('HSET', K_STATE, id, pack_state(phase, base, seen, recorded, down_at, delayed))
if phase == ACTIVE then
  local deadline = effective_deadline(base, limit, read_holes(redis.call('GET', K_BLIND)))
  redis.call('ZADD', K_DEADLINES, deadline, id)
else
  redis.call('ZREM', K_DEADLINES, id)
end
local after = counted_as(phase, seen)
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
