-- What a ping does to a monitor that has rules, or runs to remember. `one` has: id, config, flags, interval_s, grace_s,
-- rules, runs, phase, base, seen, down, delayed; `tell(event)` appends an event.
local SUCCESS, START, FAIL, LOG = 0, 1, 2, 3
-- So many runs of a monitor are watched at a time; all of them are read and written with each of its pings. Those that are
-- begun beyond that are counted.
local MOST_RUNS, MOST_ENDED, ENDED_LIFE_MS = 32, 4, 600000
local unwatched_runs = 0

local function count_unwatched()
  return unwatched_runs
end

local function tell_of(one, kind, at, tell)
  local cause, words, started = one.runs.cause, one.rules.words, start_of_cause(one.runs)
  tell(pack_event(kind, at, one.base, one.down, one.seen, one.id, one.config, one.delayed, cause, words, started))
end

local function go_down(one, at, cause, delayed, tell, overdue)
  for i = 1, #one.runs.open do one.runs.open[i].is_cause = one.runs.open[i] == overdue end
  one.phase, one.down, one.delayed, one.runs.cause = DOWN, at, delayed, cause
  tell_of(one, EVENT_DOWN, at, tell)
end

-- A failure of whatever kind but silence; true: it was one too many.
local function count_failure(one)
  one.runs.fails = one.runs.fails + 1
  return one.runs.fails >= one.rules.failures
end

-- Judges a monitor up to a moment; `is_over` says whether a deadline is over.
local function judge(one, holes, is_over, tell)
  while one.phase == ACTIVE do
    local deadline, cause, overdue = judged_at(one, holes)
    if not is_over(deadline) then return deadline end
    if overdue then overdue.told = true end
    if not overdue or count_failure(one) then go_down(one, deadline, cause, delay_of(one, deadline, overdue), tell, overdue) end
  end
end

local function forget_old_ends(runs, now)
  while #runs.ended > 0 and (#runs.ended > MOST_ENDED or now - runs.ended[1].at > ENDED_LIFE_MS) do table.remove(runs.ended, 1) end
end

-- When a run that ends now began, or nil.
local function end_run(runs, run, arrival)
  local start
  for i = 1, #runs.open do
    if runs.open[i].id == run then
      start = table.remove(runs.open, i).start
      break
    end
  end
  if run ~= NAMELESS then runs.ended[#runs.ended + 1] = {id = run, at = arrival} end
  return start
end

-- Whether a run was begun. A second start of a run changes nothing, but where the first one has overrun.
local function begin_run(one, run, arrival, holes)
  local runs = one.runs
  for i = 1, #runs.ended do
    if runs.ended[i].id == run then return false end
  end
  for i = 1, #runs.open do
    local open = runs.open[i]
    if open.id == run then
      if is_let_go(one, open, holes) then open.start, open.told = arrival, false end
      return true
    end
  end
  if #runs.open >= MOST_RUNS then
    local i = 1
    -- Of those that may take as long as they like, the oldest makes room.
    while one.rules.max_runtime > 0 and runs.open[i] and not is_let_go(one, runs.open[i], holes) do i = i + 1 end
    if not runs.open[i] then
      unwatched_runs = unwatched_runs + 1
      return false
    end
    table.remove(runs.open, i)
  end
  runs.open[#runs.open + 1] = {id = run, start = arrival, told = false}
  return true
end

local function come_up(one, arrival, now, holes, tell)
  -- What overran while it was down is nothing new.
  for i = 1, one.rules.max_runtime > 0 and #one.runs.open or 0 do
    local run = one.runs.open[i]
    if run_deadline(one, run, holes) <= math.max(arrival, one.down) then run.told = true end
  end
  tell_of(one, EVENT_UP, math.max(arrival, one.down), tell)
  one.phase, one.down, one.delayed, one.runs.cause = ACTIVE, 0, 0, MISSED
  if one.base > now then one.base = now end
end

-- Whether a success that is recorded already came after a moment. Not everything that moved the base was one: creation, an edit
-- and the end of a pause do so without a ping, and so does the start of a run.
local function is_answered(one, moment)
  if moment >= one.base or one.base > one.seen then return false end
  for i = 1, #one.runs.open do
    if one.runs.open[i].start == one.base then return false end
  end
  return true
end

-- Applies a ping of a monitor that is not paused; answers when the run that it ended began (or nil), and whether it opened an incident.
local function hear(one, signal, run, arrival, now, holes, is_heard, tell)
  if not run or #run < #NAMELESS then run = NAMELESS end
  if one.phase == ACTIVE and may_be_due(one, arrival) then
    judge(one, holes, function(deadline) return arrival > deadline and is_heard(deadline) end, tell)
  end
  if signal == LOG then return nil, false end
  -- Before a run is begun: its id may be one that is used again and again.
  forget_old_ends(one.runs, now)
  local is_first = one.seen == 0 and is_armed_by_ping(one.flags)
  local started, opened, is_sign = nil, false, is_first
  if signal == START then
    is_sign = begin_run(one, run, arrival, holes) and one.rules.max_runtime > 0 or is_first
  else
    started = end_run(one.runs, run, arrival)
  end
  if signal == SUCCESS then
    is_sign, one.runs.fails = true, 0
    -- A failure that lies in the future was told before the clock was stepped back: whatever comes now comes after it.
    local is_after = one.runs.cause ~= FAILED or arrival >= one.down or one.down > now
    if one.phase == DOWN and is_after then come_up(one, arrival, now, holes, tell) end
  end
  if one.phase == ACTIVE and is_sign and arrival > one.base then one.base = arrival end
  -- The end of a run that is known counts, in whatever order the writers' batches came.
  local counts = signal == FAIL and one.phase == ACTIVE and (started or not is_answered(one, arrival))
  if arrival > one.seen then one.seen = arrival end
  if counts and not is_quiet(one.rules, arrival) and count_failure(one) then
    go_down(one, math.max(arrival, one.base), FAILED, 0, tell)
    opened = true
  end
  forget_old_ends(one.runs, now)
  return started, opened
end
