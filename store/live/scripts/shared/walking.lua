-- The walk over all monitors after a step back of the clock: a page of them, as the cursor at `walk` says. Windows that
-- begin in the future begin now, so do runs, and every deadline is put where it belongs. Returns true while there is more to walk.
local function walk_on(keys, holes, now, page)
  local cursor = redis.call('GET', keys.walk)
  if not cursor then return false end
  local scan = redis.call('HSCAN', keys.state, cursor, 'COUNT', page)
  local found, fields, scores = scan[2], {}, {}
  for i = 1, #found, 2 do
    local version, interval_s, grace_s = read_config(redis.call('HGET', keys.config, found[i]))
    local phase, base, seen, recorded, down_at, delayed, marks = read_state(found[i + 1])
    if version and phase then
      local moved_base, moved_seen, moved_recorded = brought_back(now, phase, base, seen, recorded)
      local one = marks > 0 and kit().load(
        keys.rules, keys.runs, now, found[i], redis.call('HGET', keys.config, found[i]), phase, moved_base, moved_seen,
        down_at, delayed, marks)
      if one then
        kit().note(one, holes)
        fields[#fields + 1] = found[i]
        fields[#fields + 1] = kit().pack(one, moved_recorded)
        if one.rules.reminder > 0 then redis.call('ZADD', keys.reminders, 'XX', 'LT', now + one.rules.reminder, found[i]) end
      elseif moved_base ~= base or moved_seen ~= seen or moved_recorded ~= recorded then
        fields[#fields + 1] = found[i]
        fields[#fields + 1] = pack_state(phase, moved_base, moved_seen, moved_recorded, down_at, delayed, marks)
      end
      if phase == ACTIVE and not one then
        scores[#scores + 1] = effective_deadline(moved_base, (interval_s + grace_s) * 1000, holes)
        scores[#scores + 1] = found[i]
      end
    end
  end
  if #fields > 0 then redis.call('HSET', keys.state, unpack(fields)) end
  if #scores > 0 then redis.call('ZADD', keys.deadlines, 'XX', unpack(scores)) end
  if made_kit then kit().write(keys.deadlines, keys.runs, keys.reminders) end
  if scan[1] == '0' then
    redis.call('DEL', keys.walk)
    return false
  end
  redis.call('SET', keys.walk, scan[1])
  return true
end
