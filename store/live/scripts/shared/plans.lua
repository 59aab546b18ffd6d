-- Plans: version, min_interval_s, pings per minute (0: no limit), all I4. Used: the minute and its count, all I4.
local PLAN, PLAN_LENGTH, USED, USED_LENGTH = '<I4I4I4', 12, '<I4I4', 8
local TOLERANCE, MINUTE_MS = 0.95, 60000

-- The limits of an organisation with what it has used of them, or false: there are none.
local function read_plan(plans_key, used_key, org, now)
  local field = string.format('%.0f', org)
  local blob = redis.call('HGET', plans_key, field)
  if not blob or #blob ~= PLAN_LENGTH then return false end
  local _, min_interval_s, per_minute = struct.unpack(PLAN, blob)
  if min_interval_s == 0 and per_minute == 0 then return false end
  local plan = {between = min_interval_s * 1000 * TOLERANCE, per_minute = per_minute, used = 0}
  plan.minute = math.floor(now / MINUTE_MS)
  local used = per_minute > 0 and redis.call('HGET', used_key, field)
  if used and #used == USED_LENGTH then
    local minute, count = struct.unpack(USED, used)
    if minute == plan.minute then plan.used = count end
  end
  return plan
end

-- How many ms a ping comes too early for its plan; 0: it may be recorded. Never the whole interval to the millisecond:
-- a job that pings exactly on time, but for a little jitter, never trips over it.
local function wait_under_plan(plan, recorded, arrival, now)
  if recorded > 0 and arrival - recorded < plan.between then return plan.between - (arrival - recorded) end
  if plan.per_minute > 0 and plan.used >= plan.per_minute then return (plan.minute + 1) * MINUTE_MS - now end
  return 0
end

local function note_used(used_key, org, plan)
  redis.call('HSET', used_key, string.format('%.0f', org), struct.pack(USED, plan.minute, plan.used))
end
