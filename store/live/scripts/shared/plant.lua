-- Puts many monitors into the hashes at once: noted one by one, written in vectors, one call of each kind.
local planted_configs, planted_states, planted_scores, planted_tally, planted_rules, planted_reminders = {}, {}, {}, {}, {}, {}
local planted_runs = {}

-- `runs`: what is remembered of runs, if anything; `known` and `heard`: see settle_runs.
local function plant(id, config, rules, phase, base, seen, recorded, down_at, delayed, runs, known, heard)
  local one = kit().new(id, config, phase, base, seen, down_at, delayed)
  one.rules = kit().read_rules(rules)
  local marks = one.flags >= kit().FLAG_RULED and MARK_RULES or 0
  if runs and runs ~= '' then
    one.runs = kit().read_runs(runs)
    kit().settle_runs(one, math.max(known, down_at), heard)
    marks = marks + MARK_RUNS
    planted_runs[#planted_runs + 1] = id
    planted_runs[#planted_runs + 1] = kit().pack_runs(one.runs) or runs
  end
  if rules ~= '' then
    planted_rules[#planted_rules + 1] = id
    planted_rules[#planted_rules + 1] = rules
  end
  planted_configs[#planted_configs + 1] = id
  planted_configs[#planted_configs + 1] = config
  planted_states[#planted_states + 1] = id
  planted_states[#planted_states + 1] = pack_state(phase, base, seen, recorded, down_at, delayed, marks)
  if phase == DOWN and one.rules.reminder > 0 then
    planted_reminders[#planted_reminders + 1] = kit().next_reminder(one, now_ms())
    planted_reminders[#planted_reminders + 1] = id
  end
  if phase == ACTIVE then
    planted_scores[#planted_scores + 1] = (kit().judged_at(one, {}))
    planted_scores[#planted_scores + 1] = id
  end
  local status = counted_as(phase, seen)
  planted_tally[status] = (planted_tally[status] or 0) + 1
end

local function write_planted(config_key, state_key, deadlines_key, tallies_key, rules_key, reminders_key, runs_key)
  if #planted_configs == 0 then return end
  redis.call('HSET', config_key, unpack(planted_configs))
  redis.call('HSET', state_key, unpack(planted_states))
  if #planted_rules > 0 then redis.call('HSET', rules_key, unpack(planted_rules)) end
  if #planted_runs > 0 then redis.call('HSET', runs_key, unpack(planted_runs)) end
  if #planted_reminders > 0 then redis.call('ZADD', reminders_key, unpack(planted_reminders)) end
  if #planted_scores > 0 then redis.call('ZADD', deadlines_key, unpack(planted_scores)) end
  for status, count in pairs(planted_tally) do redis.call('HINCRBY', tallies_key, status, count) end
end
