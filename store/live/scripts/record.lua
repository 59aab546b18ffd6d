#!lua flags=allow-oom
-- record: applies one batch of pings of one writer, or (with no pings) only says how far the writer has heard.
--
-- KEYS  generation config state deadlines writers replies blind tallies broken pings events plans used walk due rules runs reminders pauses
-- ARGV  generation, slot, incarnation (8 bytes), sequence, watermark_ms, cap of the history backlog in bytes,
--       heads (per ping: arrival_ms I6, key epoch I2, known version I4, flags B), history (opaque, one blob for all),
--       the runs that pings name (16 bytes for each with flag 16), the last sequence that was answered, then one monitor
--       id per ping
-- Returns  {now_ms, outcomes, waits}: one byte per ping, + 128 where the caller's known version is out of date; the
--          seconds to wait (I4) for each ping that was limited, in order
-- Errors   GENERATION; UNREGISTERED, FENCED, STALE (about the writer); MALFORMED (about the batch); nothing is written
-- Cost  O(pings); about a dozen calls however many pings there are, one more per transition and per organisation, and two
--       per monitor that has rules or runs
--
-- 1. Check everything that can be checked. 2. Read, in vectors. 3. Hear: move the watermark, note a hole. 4. Fold the
-- pings of a monitor in order. 5. Write, in vectors. An error after the first write would keep the writes: so none is
-- left that could happen.
--@include clock
--@include generation
--@include records
--@include blind
--@include writers
--@include stepping
--@include plans
--@include kit
local HEAD, HEAD_LENGTH, FIRST_ID = '<I6I2I4B', 13, 11
local RECORDED, UNKNOWN, PAUSED_PING, LIMITED, BROKEN, ALIVE = 1, 2, 3, 4, 5, 6
local LIFE_ONLY, OUT_OF_DATE = 1, 128
local RELAYED, SIGNAL, HAS_RUN, RUN_LENGTH, RELAY_CLAMP_MS = 2, 4, 16, 16, 3600000
local HOLE_LEAST_MS, CLAMP_MS, ENTRY_BYTES = 1000, 60000, 128

local K_CONFIG, K_STATE, K_DEADLINES, K_WRITERS, K_REPLIES = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local K_BLIND, K_TALLIES, K_BROKEN, K_PINGS, K_EVENTS = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local K_PLANS, K_USED, K_WALK, K_DUE, K_RULES, K_RUNS, K_REMINDERS, K_PAUSES = unpack(KEYS, 12)
local slot, incarnation = ARGV[2], ARGV[3]
local sequence, told_watermark, backlog_cap = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local heads, history, named_runs, answered = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10])
local pings = #ARGV - FIRST_ID + 1
local now = now_ms()

-- 1. Checks. A key of the wrong type fails here, before any write.
if #heads ~= pings * HEAD_LENGTH then return redis.error_reply('MALFORMED heads and ids differ in number') end
local watermark, last_sequence, registered, registered_as = read_writer(redis.call('HGET', K_WRITERS, slot))
if not watermark then return redis.error_reply('UNREGISTERED ' .. slot) end
if registered_as ~= incarnation then return redis.error_reply('FENCED ' .. slot) end
local last_reply = redis.call('HGET', K_REPLIES, slot)
if sequence == last_sequence and last_reply then
  return {now, string.sub(last_reply, 1, pings), string.sub(last_reply, pings + 1)}
end
if sequence <= last_sequence then return redis.error_reply('STALE ' .. slot) end
redis.call('ZCARD', K_DEADLINES)
redis.call('XLEN', K_PINGS)
redis.call('XLEN', K_EVENTS)
redis.call('SCARD', K_BROKEN)
redis.call('HLEN', K_USED)
redis.call('ZCARD', K_DUE)
redis.call('HLEN', K_RUNS)
redis.call('ZCARD', K_REMINDERS)

-- 2. Reads.
local configs, states = {}, {}
if pings > 0 then
  configs = redis.call('HMGET', K_CONFIG, unpack(ARGV, FIRST_ID))
  states = redis.call('HMGET', K_STATE, unpack(ARGV, FIRST_ID))
end
local backlog = redis.call('HMGET', K_TALLIES, 'history_appended', 'history_trimmed')
local holes = nil

-- 3. Hear. A gap in the sequence is a batch that was lost or refused; a leap of the watermark is time unheard.
if is_step_back(watermark, now) then
  holes = step_back(K_WRITERS, K_BLIND, K_TALLIES, K_WALK, K_DUE, K_PAUSES, now, watermark)
  watermark = now
end
if told_watermark > now then told_watermark = now end
if told_watermark < watermark then told_watermark = watermark end
if sequence ~= last_sequence + 1 or told_watermark - watermark > HOLE_LEAST_MS then
  -- What was answered is behind what is known: Redis came back without its last moments, perhaps with a clock that is behind.
  local is_loss = answered > last_sequence
  if is_loss then watermark = math.min(watermark, told_watermark - 1) end
  holes = add_hole(K_BLIND, K_TALLIES, watermark, told_watermark, is_loss)
end

-- Up to where every writer has heard, this one by what it has just told. A deadline beyond it cannot be judged yet:
-- another writer may still hold the ping that came in time.
local heard_by_all = nil
local function everybody_heard(moment)
  if not heard_by_all then
    heard_by_all = told_watermark
    local writers = redis.call('HGETALL', K_WRITERS)
    for w = 1, #writers, 2 do
      local heard = read_writer(writers[w + 1])
      if writers[w] ~= slot and (not heard or heard < heard_by_all) then heard_by_all = heard or 0 end
    end
  end
  return moment <= heard_by_all
end

local events = {}
local function tell(event) events[#events + 1] = event end

-- 4. Fold. Columns by position; `at` finds the position of a monitor that appears again in the batch.
local at, count = {}, 0
local ids, blobs, limits, versions, epochs = {}, {}, {}, {}, {}
local phases, bases, seens, recordeds, downs, delays, first_status = {}, {}, {}, {}, {}, {}, {}
local outcomes, broken, waits, noted = {}, {}, {}, {}
local orgs, plans, kept, in_order_until = {}, {}, 0, {}
local specials, ended, runs_read = {}, {}, 0

for i = 1, pings do
  local id = ARGV[FIRST_ID - 1 + i]
  local c = at[id]
  if not c then
    count = count + 1
    c = count
    at[id], ids[c], blobs[c] = c, id, configs[i]
    local version, interval_s, grace_s, org, epoch = read_config(configs[i])
    if version then
      local phase, base, seen, recorded, down_at, delayed, marks = read_state(states[i])
      versions[c], epochs[c], limits[c], orgs[c] = version, epoch, (interval_s + grace_s) * 1000, org
      if phase then
        if phase == ACTIVE and base <= now then in_order_until[c] = piece_of(base, grace_s) + grace_s * 1000 end
        if base > now or seen > now or recorded > now then
          base, seen, recorded = brought_back(now, phase, base, seen, recorded)
        end
        delays[c] = delayed
        phases[c], bases[c], seens[c], recordeds[c], downs[c] = phase, base, seen, recorded, down_at
        first_status[c] = counted_as(phase, seen)
        if marks > 0 then
          specials[c] = kit().load(K_RULES, K_RUNS, now, id, configs[i], phase, base, seen, down_at, delayed, marks)
          if not specials[c] then phases[c], broken[#broken + 1] = nil, id end
        end
      else
        broken[#broken + 1] = id
      end
    elseif configs[i] then
      broken[#broken + 1] = id
    end
  end
  local arrival, epoch, known_version, flags = struct.unpack(HEAD, heads, (i - 1) * HEAD_LENGTH + 1)
  local outcome, run = nil, nil
  if flags >= HAS_RUN then
    run, runs_read = string.sub(named_runs, runs_read + 1, runs_read + RUN_LENGTH), runs_read + RUN_LENGTH
  end
  if not versions[c] then
    outcome = blobs[c] and BROKEN or UNKNOWN
  elseif epochs[c] ~= epoch then
    outcome = UNKNOWN
  elseif not phases[c] then
    outcome = BROKEN
  elseif phases[c] == PAUSED and flags % 2 == LIFE_ONLY then
    outcome = ALIVE
  else
    local oldest = now - (flags % SIGNAL >= RELAYED and RELAY_CLAMP_MS or CLAMP_MS)
    if arrival > now then arrival = now elseif arrival < oldest then arrival = oldest end
    local base, started, opened = bases[c], nil, false
    local one = specials[c]
    if (one or flags >= SIGNAL) and phases[c] ~= PAUSED then
      if not one then
        one = kit().new(id, blobs[c], phases[c], base, seens[c], downs[c], delays[c])
        specials[c] = one
      end
      holes = holes or read_holes(redis.call('GET', K_BLIND))
      started, opened = kit().hear(one, math.floor(flags / SIGNAL) % 4, run, arrival, now, holes, everybody_heard, tell)
      phases[c], bases[c], seens[c], downs[c], delays[c] = one.phase, one.base, one.seen, one.down, one.delayed
    elseif phases[c] == ACTIVE then
      if arrival > base + limits[c] then
        holes = holes or read_holes(redis.call('GET', K_BLIND))
        local deadline = effective_deadline(base, limits[c], holes)
        if arrival > deadline and everybody_heard(deadline) then
          -- The sweep has not come by yet. A late ping must not hide the miss: write it here.
          delays[c] = deadline - base - limits[c]
          events[#events + 1] = pack_event(EVENT_DOWN, deadline, base, deadline, seens[c], id, blobs[c], delays[c])
          phases[c], downs[c] = DOWN, deadline
        end
      end
    end
    if phases[c] == DOWN and not one then
      local back = arrival > downs[c] and arrival or downs[c]
      events[#events + 1] = pack_event(EVENT_UP, back, base, downs[c], seens[c], id, blobs[c], delays[c])
      phases[c], downs[c] = ACTIVE, 0
      if base > now then bases[c] = now end
    end
    if phases[c] == ACTIVE and not one then
      if arrival > base then bases[c] = arrival end
      if arrival > seens[c] then seens[c] = arrival end
    end
    local plan = plans[orgs[c]]
    if plan == nil then
      plan = read_plan(K_PLANS, K_USED, orgs[c], now)
      plans[orgs[c]] = plan
    end
    -- The end of a run may come as early as it likes: its start was held to the plan. What opens an incident is kept.
    local wait_ms = plan and flags % 2 ~= LIFE_ONLY and not opened
      and wait_under_plan(plan, started and 0 or recordeds[c], arrival, now) or 0
    if flags % 2 == LIFE_ONLY then
      outcome = ALIVE
    elseif wait_ms > 0 then
      -- Refused for its rate, but a sign of life all the same: the deadline has moved.
      outcome = LIMITED
      waits[#waits + 1] = struct.pack('<I4', math.ceil(wait_ms / 1000))
    else
      -- A ping of a paused monitor is history too, and counts against the plan; but it is no sign of life.
      outcome = phases[c] == PAUSED and PAUSED_PING or RECORDED
      if plan then plan.used = plan.used + 1 end
      kept = kept + 1
      if started then ended[#ended + 1] = struct.pack('<I2I6', i - 1, started) end
      if (plan or phases[c] == ACTIVE) and arrival > recordeds[c] and not started then recordeds[c], noted[c] = arrival, true end
    end
  end
  if versions[c] and versions[c] ~= known_version then outcome = outcome + OUT_OF_DATE end
  outcomes[i] = outcome
end

-- 5. Writes.
local reply = pings > 0 and string.char(unpack(outcomes)) or ''
local packed_waits = table.concat(waits)
local scores, fields, tally, z, f = {}, {}, {}, 0, 0
for c = 1, count do
  if specials[c] and phases[c] then
    local one = specials[c]
    holes = holes or read_holes(redis.call('GET', K_BLIND))
    kit().note(one, holes)
    fields[f + 1], fields[f + 2] = ids[c], kit().pack(one, recordeds[c])
    f = f + 2
    local status = counted_as(one.phase, one.seen)
    if status ~= first_status[c] then
      tally[status] = (tally[status] or 0) + 1
      tally[first_status[c]] = (tally[first_status[c]] or 0) - 1
    end
  elseif phases[c] == ACTIVE then
    local base, limit = bases[c], limits[c]
    if holes and #holes > 0 and holes[#holes][2] > base then
      scores[z + 1], scores[z + 2], z = effective_deadline(base, limit, holes), ids[c], z + 2
    elseif not in_order_until[c] or base >= in_order_until[c] then
      scores[z + 1], scores[z + 2], z = base + limit, ids[c], z + 2
    end
    fields[f + 1] = ids[c]
    fields[f + 2] = pack_state(phases[c], base, seens[c], recordeds[c], downs[c])
    f = f + 2
    local status = counted_as(phases[c], seens[c])
    if status ~= first_status[c] then
      tally[status] = (tally[status] or 0) + 1
      tally[first_status[c]] = (tally[first_status[c]] or 0) - 1
    end
  elseif phases[c] == PAUSED and noted[c] then
    fields[f + 1] = ids[c]
    fields[f + 2] = pack_state(PAUSED, bases[c], seens[c], recordeds[c], downs[c])
    f = f + 2
  end
end
for i = 1, #events do redis.call('XADD', K_EVENTS, '*', 'e', events[i]) end
if z > 0 then redis.call('ZADD', K_DEADLINES, unpack(scores)) end
if f > 0 then redis.call('HSET', K_STATE, unpack(fields)) end
if made_kit then kit().write(K_DEADLINES, K_RUNS, K_REMINDERS) end
if kept > 0 then
  local appended = tonumber(backlog[1]) or 0
  local size = #history + ENTRY_BYTES
  if appended - (tonumber(backlog[2]) or 0) + size > backlog_cap then
    redis.call('HINCRBY', K_TALLIES, 'history_dropped', kept)
  else
    appended = redis.call('HINCRBY', K_TALLIES, 'history_appended', size)
    if #ended > 0 then
      redis.call('XADD', K_PINGS, '*', 't', now, 'c', appended, 'o', reply, 'h', history, 'd', table.concat(ended))
    else
      redis.call('XADD', K_PINGS, '*', 't', now, 'c', appended, 'o', reply, 'h', history)
    end
  end
end
for status, change in pairs(tally) do
  if change ~= 0 then redis.call('HINCRBY', K_TALLIES, status, change) end
end
local unwatched = made_kit and made_kit.count_unwatched() or 0
if unwatched > 0 then redis.call('HINCRBY', K_TALLIES, 'runs_unwatched', unwatched) end
if #broken > 0 then redis.call('SADD', K_BROKEN, unpack(broken)) end
redis.call('HSET', K_WRITERS, slot, pack_writer(told_watermark, sequence, registered, incarnation))
for org, plan in pairs(plans) do
  if plan and plan.per_minute > 0 then note_used(K_USED, org, plan) end
end
redis.call('HSET', K_REPLIES, slot, reply .. packed_waits)
return {now, reply, packed_waits}
