-- Steps back of the clock of record. A watermark is never later than the time at which it is told: so one that lies in the
-- future proves that the clock was stepped back. Whoever sees it first puts in order what was written by the former time,
-- before anything is judged; after that no watermark lies in the future, so it is done once.
local STEP_LEAST_MS, STEP_BLIND_MS, DUE_MOVED = 500, 1000, 10000

local function is_step_back(moment, now)
  return moment > now + STEP_LEAST_MS
end

-- Holes that end in the future end now, and those that begin there never were.
local function clip_holes(blind_key, now)
  local holes, packed = read_holes(redis.call('GET', blind_key)), {}
  for i = 1, #holes do
    local from, to = holes[i][1], math.min(holes[i][2], now)
    if from < to then packed[#packed + 1] = pack_hole(from, to, holes[i][3]) end
  end
  redis.call('SET', blind_key, table.concat(packed))
end

-- Leases and waits keep their length, but never get shorter than nothing.
local function move_due(due_key, now, by)
  local due = redis.call('ZRANGEBYSCORE', due_key, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, DUE_MOVED)
  for i = 1, #due, 2 do
    redis.call('ZADD', due_key, math.max(now, tonumber(due[i + 1]) - by), due[i])
  end
end

-- `latest` is the moment that proves the step. Windows that begin in the future are brought back page by page by the
-- sweep (`walk`); until then they are long, which is no false alarm.
local function step_back(writers_key, blind_key, tallies_key, walk_key, due_key, pauses_key, now, latest)
  local heard = now
  local writers = redis.call('HGETALL', writers_key)
  for w = 1, #writers, 2 do
    local watermark, sequence, registered, incarnation = read_writer(writers[w + 1])
    if watermark then
      if watermark < heard then heard = watermark end
      if watermark > now then
        redis.call('HSET', writers_key, writers[w], pack_writer(now, sequence, math.min(registered, now), incarnation))
      end
    end
  end
  clip_holes(blind_key, now)
  move_due(due_key, now, latest - now)
  -- Receivers that asked not to be called ask again; until then they are tried once each.
  redis.call('DEL', pauses_key)
  redis.call('SET', walk_key, '0')
  redis.call('HINCRBY', tallies_key, 'steps_back', 1)
  return add_hole(blind_key, tallies_key, math.min(heard, now - STEP_BLIND_MS), now)
end
