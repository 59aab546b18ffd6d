#!lua flags=no-writes
-- inspect: tells of monitors where each of them stands, and where its deadline ought to be.
--
-- KEYS  generation config state deadlines blind rules runs reminders
-- ARGV  generation, monitor ids
-- Returns  per id: packed config or false, status (new, up, down, paused; '' unreadable; false: there is none), stored
--          deadline_ms or -1, the least that it may be (without blind time, as order may lag by a grace), deadline_ms as the sweep would compute it now (0: no window);
--          what is wrong with what it has beside its state (FAULTS), packed rules or '', why it is down, the base of its silence
-- Errors   GENERATION
-- Cost  O(ids)
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
local K_CONFIG, K_STATE, K_DEADLINES, K_BLIND = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local K_RULES, K_RUNS, K_REMINDERS = KEYS[6], KEYS[7], KEYS[8]
-- Rules that cannot be read; rules or runs that the state does not know of, or that are not there; a reminder that is missing.
local FAULTS = {rules = 1, marks = 2, reminder = 3}
local found, now = {}, now_ms()

local function fault_of(id, one, flags, marks, packed_rules, packed_runs)
  local ruled = math.floor(flags / kit().FLAG_RULED) % 2 == 1
  local rules = kit().read_rules(packed_rules)
  if not rules or ruled and not packed_rules then return FAULTS.rules end
  local knows_rules, knows_runs = math.floor(marks / MARK_RULES) % 2 == 1, marks % 2 == MARK_RUNS
  if packed_rules and not ruled or knows_rules ~= (flags >= kit().FLAG_RULED) then return FAULTS.marks end
  if knows_runs ~= (packed_runs and true or false) or one and one.phase ~= DOWN and one.runs.cause > 0 then return FAULTS.marks end
  if one and one.phase == DOWN and rules.reminder > 0 and not redis.call('ZSCORE', K_REMINDERS, id) then return FAULTS.reminder end
  return 0
end

if #ARGV < 2 then return found end
local configs = redis.call('HMGET', K_CONFIG, unpack(ARGV, 2))
local states = redis.call('HMGET', K_STATE, unpack(ARGV, 2))
local scores = redis.call('ZMSCORE', K_DEADLINES, unpack(ARGV, 2))
local all_rules = redis.call('HMGET', K_RULES, unpack(ARGV, 2))
local all_runs = redis.call('HMGET', K_RUNS, unpack(ARGV, 2))
local holes = read_holes(redis.call('GET', K_BLIND))
for i = 1, #ARGV - 1 do
  local version, interval_s, grace_s, _, _, flags = read_config(configs[i])
  local phase, base, seen, _, down_at, delayed, marks = read_state(states[i])
  local least, deadline, fault, cause = 0, 0, 0, 0
  if version and phase then
    least = piece_of(base, grace_s) + (interval_s + grace_s) * 1000
    deadline = effective_deadline(base, (interval_s + grace_s) * 1000, holes)
    local one = marks > 0
      and kit().load(K_RULES, K_RUNS, now, ARGV[i + 1], configs[i], phase, base, seen, down_at, delayed, marks)
    if one then least, deadline = kit().judged_at(one, {}), kit().judged_at(one, holes) end
    fault, cause = fault_of(ARGV[i + 1], one, flags, marks, all_rules[i], all_runs[i]), one and one.runs.cause or 0
  end
  found[#found + 1] = configs[i]
  found[#found + 1] = phase and counted_as(phase, seen) or states[i] and ''
  found[#found + 1] = scores[i] and tonumber(scores[i]) or -1
  found[#found + 1] = least
  found[#found + 1] = deadline
  found[#found + 1] = fault
  found[#found + 1] = all_rules[i] or ''
  found[#found + 1] = cause
  found[#found + 1] = base or 0
end
return found
