-- Monitors with rules or runs, one by one: read, and written together at the end.
local special_scores, special_gone, special_runs, special_idle, special_reminders, special_quiet = {}, {}, {}, {}, {}, {}

local function new_special(id, config, phase, base, seen, down, delayed)
  local _, interval_s, grace_s, _, _, flags = read_config(config)
  return {
    id = id, config = config, flags = flags, interval_s = interval_s, grace_s = grace_s, rules = NO_RULES, runs = read_runs(nil),
    phase = phase, base = base, seen = seen, down = down, delayed = delayed, marks = 0, was_down = down,
  }
end

-- nil: its rules cannot be read. What was noted before a step back of the clock is not later than now.
local function load_special(rules_key, runs_key, now, id, config, phase, base, seen, down, delayed, marks)
  local one = new_special(id, config, phase, base, seen, down, delayed)
  one.marks = marks
  if math.floor(one.flags / FLAG_RULED) % 2 == 1 then
    one.rules = read_rules(redis.call('HGET', rules_key, id) or '?')
    if not one.rules then return nil end
  end
  if marks % 2 == MARK_RUNS then one.runs = read_runs(redis.call('HGET', runs_key, id)) end
  for i = 1, #one.runs.open do
    local run = one.runs.open[i]
    if run.start > now then run.start = now end
  end
  return one
end

-- The first reminder after a moment.
local function next_reminder(one, moment)
  local times = math.floor(math.max(0, moment - one.down) / one.rules.reminder) + 1
  return one.down + times * one.rules.reminder
end

-- What is to be written of one; `deadline` if it is known already.
local function note_special(one, holes, deadline)
  local runs = pack_runs(one.runs)
  if runs then
    special_runs[#special_runs + 1] = one.id
    special_runs[#special_runs + 1] = runs
  elseif one.marks % 2 == MARK_RUNS then
    special_idle[#special_idle + 1] = one.id
  end
  one.marks = (runs and MARK_RUNS or 0) + (one.flags >= FLAG_RULED and MARK_RULES or 0)
  if one.phase == ACTIVE then
    special_scores[#special_scores + 1] = deadline or judged_at(one, holes)
    special_scores[#special_scores + 1] = one.id
  else
    special_gone[#special_gone + 1] = one.id
  end
  if one.rules.reminder == 0 or one.down == one.was_down then return end
  if one.phase ~= DOWN then
    special_quiet[#special_quiet + 1] = one.id
  else
    special_reminders[#special_reminders + 1] = next_reminder(one, one.down)
    special_reminders[#special_reminders + 1] = one.id
  end
end

local function pack_special(one, recorded)
  return pack_state(one.phase, one.base, one.seen, recorded, one.down, one.phase == DOWN and one.delayed or 0, one.marks)
end

local function write_specials(deadlines_key, runs_key, reminders_key)
  if #special_scores > 0 then redis.call('ZADD', deadlines_key, unpack(special_scores)) end
  if #special_gone > 0 then redis.call('ZREM', deadlines_key, unpack(special_gone)) end
  if #special_runs > 0 then redis.call('HSET', runs_key, unpack(special_runs)) end
  if #special_idle > 0 then redis.call('HDEL', runs_key, unpack(special_idle)) end
  if #special_quiet > 0 then redis.call('ZREM', reminders_key, unpack(special_quiet)) end
  if #special_reminders > 0 then redis.call('ZADD', reminders_key, unpack(special_reminders)) end
end
