#!lua flags=allow-oom
-- sweep: declares due monitors down. Deadline removal, state and event are one atomic step.
--
-- KEYS  generation config state deadlines writers blind tallies broken events walk due
-- ARGV  generation, at most how many deadlines
-- Returns  {now_ms, watermark_ms or -1, writers, looked at, next deadline_ms or -1, delays}: `delays` holds now - deadline
--          in ms (I6) for every monitor that went down; what was looked at is the limit when there may be more to do
-- Errors   GENERATION
-- Cost  O(limit): one range read, two vector reads, three vector writes, one XADD per monitor that goes down; after the
--       clock was stepped back also a page of all monitors
--
-- The clock of the sweep is the smallest watermark, never the wall clock: no ears, no verdict.
--@include clock
--@include generation
--@include records
--@include blind
--@include writers
--@include stepping
--@include walking
local K_CONFIG, K_STATE, K_DEADLINES, K_WRITERS = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_BLIND, K_TALLIES, K_BROKEN, K_EVENTS, K_WALK, K_DUE = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local now, limit = now_ms(), tonumber(ARGV[2])
local _, _, latest = smallest_watermark(K_WRITERS)
if latest and is_step_back(latest, now) then
  step_back(K_WRITERS, K_BLIND, K_TALLIES, K_WALK, K_DUE, now, latest)
end
local more = walk_on(K_WALK, K_CONFIG, K_STATE, K_DEADLINES, read_holes(redis.call('GET', K_BLIND)), now, limit)
local watermark, writers = smallest_watermark(K_WRITERS)
if not watermark then return {now, -1, writers, 0, -1, ''} end

-- A small step back is waited out.
watermark = math.min(watermark, now)

local due = redis.call('ZRANGEBYSCORE', K_DEADLINES, '-inf', watermark, 'LIMIT', 0, limit)
local delays, gone, moved, fields, events, broken, tally = {}, {}, {}, {}, {}, {}, {}
if #due > 0 then
  redis.call('XLEN', K_EVENTS)
  redis.call('SCARD', K_BROKEN)
  redis.call('HLEN', K_TALLIES)
  local holes = read_holes(redis.call('GET', K_BLIND))
  local configs = redis.call('HMGET', K_CONFIG, unpack(due))
  local states = redis.call('HMGET', K_STATE, unpack(due))
  for i = 1, #due do
    local id = due[i]
    local version, interval_s, grace_s = read_config(configs[i])
    local phase, base, seen, recorded = read_state(states[i])
    if not version or not phase then
      gone[#gone + 1] = id
      if configs[i] then broken[#broken + 1] = id end
    elseif phase ~= ACTIVE then
      gone[#gone + 1] = id
    else
      local deadline = effective_deadline(base, (interval_s + grace_s) * 1000, holes)
      if deadline > watermark then
        moved[#moved + 1] = deadline
        moved[#moved + 1] = id
      else
        gone[#gone + 1] = id
        fields[#fields + 1] = id
        local delayed = deadline - base - (interval_s + grace_s) * 1000
        fields[#fields + 1] = pack_state(DOWN, base, seen, recorded, deadline, delayed)
        events[#events + 1] = pack_event(EVENT_DOWN, deadline, base, deadline, seen, id, configs[i], delayed)
        delays[#delays + 1] = struct.pack('<I6', math.max(0, now - deadline))
        local status = counted_as(phase, seen)
        tally[status] = (tally[status] or 0) - 1
        tally.down = (tally.down or 0) + 1
      end
    end
  end
  for i = 1, #events do redis.call('XADD', K_EVENTS, '*', 'e', events[i]) end
  if #gone > 0 then redis.call('ZREM', K_DEADLINES, unpack(gone)) end
  if #moved > 0 then redis.call('ZADD', K_DEADLINES, unpack(moved)) end
  if #fields > 0 then redis.call('HSET', K_STATE, unpack(fields)) end
  for status, change in pairs(tally) do redis.call('HINCRBY', K_TALLIES, status, change) end
  if #broken > 0 then redis.call('SADD', K_BROKEN, unpack(broken)) end
end
local next_due = redis.call('ZRANGE', K_DEADLINES, 0, 0, 'WITHSCORES')
return {now, watermark, writers, more and limit or #due, next_due[2] and tonumber(next_due[2]) or -1, table.concat(delays)}
