-- Rules and runs of monitors that are asked for more than an interval and a grace.
--   rules: format, failures, scheduled, max_runtime_s, reminder_s, numbers of ticks, of quiet times, of bytes of words; the
--          ticks, the quiet times (from, to), all in Unix s; the words for the schedule (store/live/packed_rules.py)
--   runs:  format, cause of the down, failures in a row, numbers of runs and of ended ones; per run its id, start_ms and
--          whether its overrun is told (2: it is why the monitor is down); per ended one its id and end_ms
local FLAG_RULED, MISSED, FAILED, NAMELESS = 2, 0, 1, string.rep('\0', 16)
-- A deadline that no tick is known for: not in this age, so that it is never judged before more ticks are there.
local NEVER = 281474976710655
local NO_RULES = {failures = 1, scheduled = false, max_runtime = 0, reminder = 0, ticks = '', quiet = '', words = ''}
local RULES, RULES_LENGTH, RUNS, RUNS_LENGTH = '<BBBI4I4I2I2I2', 17, '<BBBBB', 5
local RUN, RUN_LENGTH, ENDED, ENDED_LENGTH = 'c16I6B', 23, 'c16I6', 22
local FLAG_ARMED_BY_PING, OVERRUN = 4, 2
local formats = {}

local function is_armed_by_ping(flags)
  return math.floor(flags / FLAG_ARMED_BY_PING) % 2 == 1
end

-- nil: they cannot be read.
local function read_rules(blob)
  if not blob or blob == '' then return NO_RULES end
  if #blob < RULES_LENGTH then return nil end
  local format, failures, scheduled, runtime_s, reminder_s, ticks, quiet, words = struct.unpack(RULES, blob)
  if format ~= 1 or #blob ~= RULES_LENGTH + 4 * ticks + 8 * quiet + words then return nil end
  local quiet_from = RULES_LENGTH + 4 * ticks + 1
  return {
    failures = math.max(1, failures), scheduled = scheduled == 1, max_runtime = runtime_s * 1000, reminder = reminder_s * 1000,
    ticks = string.sub(blob, RULES_LENGTH + 1, quiet_from - 1), quiet = string.sub(blob, quiet_from, quiet_from + 8 * quiet - 1),
    words = string.sub(blob, #blob - words + 1),
  }
end

-- Ticks and quiet times stay packed, as of hundreds only a few are ever looked at: the tick at a place, in ms, or nil.
local function tick_at(ticks, i)
  if 4 * i > #ticks then return nil end
  return (struct.unpack('<I4', ticks, 4 * i - 3)) * 1000
end

-- From when to when it is quiet, in ms, or nil.
local function quiet_at(quiet, i)
  if 8 * i > #quiet then return nil end
  local from, to = struct.unpack('<I4I4', quiet, 8 * i - 7)
  return from * 1000, to * 1000
end

-- The place of the first quiet time that ends after a moment.
local function first_quiet(quiet, moment)
  local low, high = 1, #quiet / 8 + 1
  while low < high do
    local middle = (low + high - (low + high) % 2) / 2
    local _, to = quiet_at(quiet, middle)
    if to > moment then high = middle else low = middle + 1 end
  end
  return low
end

-- All runs, and all ended ones, are read and written in one go.
local function format_of(what, count)
  if count == 0 then return '' end
  local name = what .. count
  if not formats[name] then formats[name] = '<' .. string.rep(what, count) end
  return formats[name]
end

-- What cannot be read is forgotten: then the next ping begins anew.
local function read_runs(blob)
  local runs = {cause = MISSED, fails = 0, open = {}, ended = {}}
  if not blob or #blob < RUNS_LENGTH then return runs end
  local format, cause, fails, open, ended = struct.unpack(RUNS, blob)
  if format ~= 1 or #blob ~= RUNS_LENGTH + RUN_LENGTH * open + ENDED_LENGTH * ended then return runs end
  runs.cause, runs.fails = cause, fails
  if open > 0 then
    local read = {struct.unpack(format_of(RUN, open), blob, RUNS_LENGTH + 1)}
    for i = 1, open do
      local told = read[3 * i]
      runs.open[i] = {id = read[3 * i - 2], start = read[3 * i - 1], told = told >= 1, is_cause = told == 2}
    end
  end
  if ended > 0 then
    local read = {struct.unpack(format_of(ENDED, ended), blob, RUNS_LENGTH + RUN_LENGTH * open + 1)}
    for i = 1, ended do runs.ended[i] = {id = read[2 * i - 1], at = read[2 * i]} end
  end
  return runs
end

-- nil: there is nothing to remember.
local function pack_runs(runs)
  local open, ended = runs.open, runs.ended
  if runs.cause == MISSED and runs.fails == 0 and #open == 0 and #ended == 0 then return nil end
  local packed = struct.pack(RUNS, 1, runs.cause, math.min(255, runs.fails), #open, #ended)
  if #open > 0 then
    local parts = {}
    for i = 1, #open do
      local run = open[i]
      parts[3 * i - 2], parts[3 * i - 1], parts[3 * i] = run.id, run.start, run.told and (run.is_cause and 2 or 1) or 0
    end
    packed = packed .. struct.pack(format_of(RUN, #open), unpack(parts))
  end
  if #ended > 0 then
    local parts = {}
    for i = 1, #ended do parts[2 * i - 1], parts[2 * i] = ended[i].id, ended[i].at end
    packed = packed .. struct.pack(format_of(ENDED, #ended), unpack(parts))
  end
  return packed
end

-- When the run began that is why a monitor is down; 0: it is over. nil: that is not why.
local function start_of_cause(runs)
  if runs.cause ~= OVERRUN then return nil end
  for i = 1, #runs.open do
    if runs.open[i].is_cause then return runs.open[i].start end
  end
  return 0
end

-- The deadline of a silence that begins at `moment`, without blind or quiet times.
local function window_end(rules, interval_s, grace_s, moment)
  if not rules.scheduled then return moment + (rules.failures * interval_s + grace_s) * 1000 end
  local ticks, low, high = rules.ticks, 1, #rules.ticks / 4 + 1
  while low < high do
    local middle = (low + high - (low + high) % 2) / 2
    if tick_at(ticks, middle) > moment then high = middle else low = middle + 1 end
  end
  local tick = tick_at(ticks, low + rules.failures - 1)
  return tick and tick + grace_s * 1000 or NEVER
end

-- The place of the first hole from `low` on that begins at a moment or after it.
local function first_from(holes, low, moment)
  local high = #holes + 1
  while low < high do
    local middle = (low + high - (low + high) % 2) / 2
    if holes[middle][1] >= moment then high = middle else low = middle + 1 end
  end
  return low
end

-- The place of the first hole from `h` on of which, after a moment, more is left than the end of a run is told for.
local function first_lost(holes, h, moment)
  if holes[h][1] < moment and holes[h][2] - moment <= TOLD_WITHIN_MS and not holes[h][3] then h = h + 1 end
  return read_off(holes).lost[h]
end

-- As effective_deadline (blind.lua), for any window: `after` says where one ends that begins at a moment, `length` how long
-- each is, if all are alike. A deadline that falls into a quiet time is put off to the end of a window that begins where the
-- quiet time ends; patience with holes begins anew there. `least`: how long a window is at least that patience is measured by.
-- `is_run`: a hole that may have swallowed an end leaves nothing to be waited for. Each turn takes all holes together that
-- move the deadline before anything else does, so that neither many holes nor many quiet times take long.
local function deadline_after(after, length, base, holes, quiet, least, is_run)
  local deadline, since, h = after(base), base, first_after(holes, base)
  local enough, patient, rest_from, rest_to = WINDOWS_OF_PATIENCE * math.max(deadline - base, least or 0), nil, nil, quiet ~= '' and 0 or nil
  while true do
    if rest_to and rest_to <= deadline then rest_from, rest_to = quiet_at(quiet, first_quiet(quiet, deadline)) end
    local hole = holes[h]
    if hole and hole[1] < deadline and not (rest_from and rest_from < hole[1]) then
      patient = patient or first_heard(holes, h, since, enough)
      if patient <= h then
        h = #holes + 1
      else
        local bound = rest_from and math.min(patient, first_from(holes, h, rest_from + 1)) or patient
        bound = length and first_gap(holes, h + 1, bound, length) or math.min(bound, first_from(holes, h, deadline))
        if is_run and first_lost(holes, h, base) < bound then return NEVER end
        deadline, h = after(holes[bound - 1][2]), bound
      end
    elseif rest_from and rest_from <= deadline then
      local behind = first_after(holes, rest_to)
      if behind > h then
        if is_run and first_lost(holes, h, base) < behind then return NEVER end
        h = behind
      end
      deadline, since, patient = after(rest_to), rest_to, nil
    else
      return deadline
    end
  end
end

-- Until when a monitor may be silent.
local function silence_without_memory(one, holes, quiet)
  local function after(moment) return window_end(one.rules, one.interval_s, one.grace_s, moment) end
  local least = (one.rules.failures * one.interval_s + one.grace_s) * 1000
  return deadline_after(after, not one.rules.scheduled and least or nil, one.base, holes, quiet, least)
end

-- `one`: rules, interval_s, grace_s, flags, base, seen. A call asks for it several times, so it is remembered.
local function silence_deadline(one, holes, quiet)
  if one.seen == 0 and is_armed_by_ping(one.flags) then return NEVER end
  if quiet then return silence_without_memory(one, holes, quiet) end
  local known = one.silence
  if not known or known.base ~= one.base or known.holes ~= holes or known.rules ~= one.rules then
    local ends = silence_without_memory(one, holes, one.rules.quiet)
    known = {base = one.base, holes = holes, rules = one.rules, ends = ends}
    one.silence = known
  end
  return known.ends
end

-- Until when a run may go on. Its end comes once: who tells it tries for a while and gives up. So where nobody listened for
-- longer, or what was heard is lost, it may have ended, and is let go; a job that hangs is still missed at the deadline of its
-- monitor.
local function run_deadline(one, run, holes)
  local length, known = one.rules.max_runtime, one.runs_end
  if not known or known.holes ~= holes or known.rules ~= one.rules then
    known = {holes = holes, rules = one.rules, at = {}}
    one.runs_end = known
  end
  if not known.at[run.start] then
    local function after(moment) return moment + length end
    known.at[run.start] = deadline_after(after, length, run.start, holes, one.rules.quiet, nil, true)
  end
  return known.at[run.start]
end

local function is_let_go(one, run, holes)
  if run.told then return true end
  if one.rules.max_runtime == 0 or read_off(holes).lost_until <= run.start then return false end
  return run_deadline(one, run, holes) == NEVER
end

-- The moment at which a monitor is to be judged, why, and the run that is then overdue.
local function judged_at(one, holes)
  local deadline, cause, overdue = silence_deadline(one, holes), MISSED, nil
  if one.rules.max_runtime > 0 then
    for i = 1, #one.runs.open do
      local run = one.runs.open[i]
      local may_end_first = not run.told and run.start + one.rules.max_runtime < deadline
      local ends = may_end_first and run_deadline(one, run, holes) or NEVER
      if ends < deadline then deadline, cause, overdue = ends, OVERRUN, run end
    end
  end
  return deadline, cause, overdue
end

-- Another longest time is no reason to tell of a run that was well until now: what it makes overdue is let go.
local function excuse_runs(one, was, holes, now)
  for i = 1, one.rules.max_runtime > 0 and #one.runs.open or 0 do
    local run = one.runs.open[i]
    local was_well = was.rules.max_runtime == 0 or run_deadline(was, run, holes) > now
    if was_well and run_deadline(one, run, holes) <= now then run.told = true end
  end
end

-- Another schedule is no reason to tell of a tick that has passed and that the former one did not have. The window begins behind
-- the last such tick that would decide; what passed by both is still a miss. Where no tick has passed by both, the list does not
-- reach back to the base, or something blind or quiet has ended since, it begins now.
local function excuse_ticks(one, was, holes, now)
  local had, passed, ticks, from = {}, {}, one.rules.ticks, 1
  local first = tick_at(ticks, 1)
  local is_known = first and first <= one.base
  for i = 1, was.rules.scheduled and #was.rules.ticks / 4 or 0 do had[tick_at(was.rules.ticks, i)] = true end
  for i = 1, #ticks / 4 do
    local tick = tick_at(ticks, i)
    if tick > one.base and tick <= now then passed[#passed + 1] = tick end
  end
  if #passed == 0 and is_known then return end
  local _, quiet_until = quiet_at(one.rules.quiet, first_quiet(one.rules.quiet, one.base))
  if first_after(holes, one.base) <= #holes or quiet_until and quiet_until <= now then passed = {} end
  local i = 1
  while passed[i] and i < from + one.rules.failures do
    if not had[passed[i]] then from = i + 1 end
    i = i + 1
  end
  one.base = math.max(one.base, passed[from] and (passed[from - 1] or 0) or now)
end

-- After a rebuild: what was to be over by a moment up to which all is known was told then, or let go. What may go on beyond a moment
-- up to which it is known what was heard is let go: its end may be what is lost.
local function settle_runs(one, known, heard)
  for i = 1, one.rules.max_runtime > 0 and #one.runs.open or 0 do
    local run = one.runs.open[i]
    local ends = run_deadline(one, run, {})
    run.told = run.told or ends <= known
    run.is_cause = one.runs.cause == OVERRUN and run.told and ends + one.delayed == one.down
    run.told = run.told or ends > heard
  end
end

-- false: nothing is due before a moment, whatever is blind or quiet, as that only puts off. It costs much less to know.
local function may_be_due(one, moment)
  if silence_deadline(one, {}, '') < moment then return true end
  for i = 1, one.rules.max_runtime > 0 and #one.runs.open or 0 do
    local run = one.runs.open[i]
    if not run.told and run.start + one.rules.max_runtime < moment then return true end
  end
  return false
end

-- By how much blind time made a deadline later.
local function delay_of(one, deadline, overdue)
  local without = overdue and run_deadline(one, overdue, {}) or silence_deadline(one, {})
  return math.max(0, deadline - without)
end

local function is_quiet(rules, moment)
  local from = quiet_at(rules.quiet, first_quiet(rules.quiet, moment))
  return from ~= nil and from <= moment
end
