#!lua flags=allow-oom
-- sweep: declares due monitors down. Deadline removal, state and event are one atomic step.
--
-- KEYS  generation config state deadlines writers blind tallies broken events walk due rules runs reminders pauses
-- ARGV  generation, at most how many deadlines
-- Returns  {now_ms, watermark_ms or -1, writers, looked at, next deadline_ms or -1, delays, the newest blind interval}:
--          `delays` holds now - deadline in ms (I6) for every monitor that went down; what was looked at is the limit when
--          there may be more to do (as always when some had many runs: these count for more than one); the interval is
--          from_ms, to_ms, and 0, 0 where there is none
-- Errors   GENERATION
-- Cost  O(limit): two range reads, two vector reads, three vector writes, one XADD per monitor that goes down or is
--       reminded of, two reads per monitor with rules or runs; after the clock was stepped back also a page of all monitors
--
-- The clock of the sweep is the smallest watermark, never the wall clock: no ears, no verdict.
--@include clock
--@include generation
--@include records
--@include blind
--@include writers
--@include stepping
--@include kit
--@include walking
local K_CONFIG, K_STATE, K_DEADLINES, K_WRITERS = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_BLIND, K_TALLIES, K_BROKEN, K_EVENTS, K_WALK, K_DUE = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local K_RULES, K_RUNS, K_REMINDERS, K_PAUSES = KEYS[12], KEYS[13], KEYS[14], KEYS[15]
-- To judge so many runs takes as long as to judge a monitor without any.
local RUNS_LIKE_ONE = 4
-- A page of the walk is a part of the limit: it may be of monitors with runs alone.
local WALKED_PART = 4
local now, limit = now_ms(), tonumber(ARGV[2])
local _, _, latest = smallest_watermark(K_WRITERS)
if latest and is_step_back(latest, now) then
  step_back(K_WRITERS, K_BLIND, K_TALLIES, K_WALK, K_DUE, K_PAUSES, now, latest)
end
local keys_of_walk = {
  walk = K_WALK, config = K_CONFIG, state = K_STATE, deadlines = K_DEADLINES, rules = K_RULES, runs = K_RUNS,
  reminders = K_REMINDERS,
}
local blind = read_holes(redis.call('GET', K_BLIND))
local newest = blind[#blind] or {0, 0}
local more = walk_on(keys_of_walk, blind, now, math.ceil(limit / WALKED_PART))
local watermark, writers = smallest_watermark(K_WRITERS)
if not watermark then return {now, -1, writers, 0, -1, '', newest[1], newest[2]} end

-- A small step back is waited out.
watermark = math.min(watermark, now)

local due = redis.call('ZRANGEBYSCORE', K_DEADLINES, '-inf', watermark, 'LIMIT', 0, limit)
local delays, gone, moved, fields, events, broken, tally = {}, {}, {}, {}, {}, {}, {}
local spent = 0
local function tell(event) events[#events + 1] = event end
local function count_down(status, deadline)
  delays[#delays + 1] = struct.pack('<I6', math.max(0, now - deadline))
  tally[status] = (tally[status] or 0) - 1
  tally.down = (tally.down or 0) + 1
end
local function is_over(deadline) return deadline <= watermark end
local reminded = redis.call('ZRANGEBYSCORE', K_REMINDERS, '-inf', watermark, 'LIMIT', 0, limit)
if #due > 0 then
  redis.call('XLEN', K_EVENTS)
  redis.call('SCARD', K_BROKEN)
  redis.call('HLEN', K_TALLIES)
  local holes = read_holes(redis.call('GET', K_BLIND))
  local configs = redis.call('HMGET', K_CONFIG, unpack(due))
  local states = redis.call('HMGET', K_STATE, unpack(due))
  for i = 1, #due do
    -- The rest has its turn at once: the sweep says that there may be more to do.
    if spent >= limit then break end
    local id = due[i]
    spent = spent + 1
    local version, interval_s, grace_s = read_config(configs[i])
    local phase, base, seen, recorded, down_at, delayed_before, marks = read_state(states[i])
    local one
    if version and phase == ACTIVE and marks > 0 then
      one = kit().load(K_RULES, K_RUNS, now, id, configs[i], phase, base, seen, down_at, delayed_before, marks)
      spent = spent + (one and #one.runs.open / RUNS_LIKE_ONE or 0)
    end
    if not version or not phase or phase == ACTIVE and marks > 0 and not one then
      gone[#gone + 1] = id
      if configs[i] then broken[#broken + 1] = id end
    elseif phase ~= ACTIVE then
      gone[#gone + 1] = id
    elseif one then
      kit().note(one, holes, kit().judge(one, holes, is_over, tell))
      fields[#fields + 1] = id
      fields[#fields + 1] = kit().pack(one, recorded)
      if one.phase == DOWN then
        count_down(counted_as(phase, seen), one.down)
      end
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
        count_down(counted_as(phase, seen), deadline)
      end
    end
  end
  redis.call('HLEN', K_RUNS)
  redis.call('ZCARD', K_REMINDERS)
  for i = 1, #events do redis.call('XADD', K_EVENTS, '*', 'e', events[i]) end
  if #gone > 0 then redis.call('ZREM', K_DEADLINES, unpack(gone)) end
  if #moved > 0 then redis.call('ZADD', K_DEADLINES, unpack(moved)) end
  if #fields > 0 then redis.call('HSET', K_STATE, unpack(fields)) end
  for status, change in pairs(tally) do redis.call('HINCRBY', K_TALLIES, status, change) end
  if #broken > 0 then redis.call('SADD', K_BROKEN, unpack(broken)) end
  if made_kit then kit().write(K_DEADLINES, K_RUNS, K_REMINDERS) end
end

-- Reminders of those that are still down; whoever is not, or has none any more, is passed over. They go by the watermark too:
-- while a writer is stuck, it may hold the ping that ended the incident.
for i = 1, #reminded do
  local id, config = reminded[i], redis.call('HGET', K_CONFIG, reminded[i])
  local phase, base, seen, _, down_at, delayed, marks = read_state(redis.call('HGET', K_STATE, id))
  local one
  if phase == DOWN and read_config(config) then
    one = kit().load(K_RULES, K_RUNS, now, id, config, phase, base, seen, down_at, delayed, marks)
  end
  if one and one.rules.reminder > 0 then
    if not kit().is_quiet(one.rules, watermark) then
      local words, cause, started = one.rules.words, one.runs.cause, kit().start_of_cause(one.runs)
      local event = pack_event(EVENT_REMINDER, watermark, base, down_at, seen, id, config, delayed, cause, words, started)
      redis.call('XADD', K_EVENTS, '*', 'e', event)
    end
    redis.call('ZADD', K_REMINDERS, kit().next_reminder(one, watermark), id)
  else
    redis.call('ZREM', K_REMINDERS, id)
  end
end
local next_due = redis.call('ZRANGE', K_DEADLINES, 0, 0, 'WITHSCORES')
return {now, watermark, writers, (more or spent >= limit) and limit or math.max(#due, #reminded), next_due[2] and tonumber(next_due[2]) or -1, table.concat(delays), newest[1], newest[2]}
