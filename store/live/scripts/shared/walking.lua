-- The walk over all monitors after a step back of the clock: a page of them, as the cursor at `walk` says. Windows that
-- begin in the future begin now, and every deadline is put where it belongs. Returns true while there is more to walk.
local function walk_on(walk_key, config_key, state_key, deadlines_key, holes, now, page)
  local cursor = redis.call('GET', walk_key)
  if not cursor then return false end
  local scan = redis.call('HSCAN', state_key, cursor, 'COUNT', page)
  local found, fields, scores = scan[2], {}, {}
  for i = 1, #found, 2 do
    local version, interval_s, grace_s = read_config(redis.call('HGET', config_key, found[i]))
    local phase, base, seen, recorded, down_at, delayed = read_state(found[i + 1])
    if version and phase then
      local moved_base, moved_seen, moved_recorded = brought_back(now, phase, base, seen, recorded)
      if moved_base ~= base or moved_seen ~= seen or moved_recorded ~= recorded then
        fields[#fields + 1] = found[i]
        fields[#fields + 1] = pack_state(phase, moved_base, moved_seen, moved_recorded, down_at, delayed)
      end
      if phase == ACTIVE then
        scores[#scores + 1] = effective_deadline(moved_base, (interval_s + grace_s) * 1000, holes)
        scores[#scores + 1] = found[i]
      end
    end
  end
  if #fields > 0 then redis.call('HSET', state_key, unpack(fields)) end
  if #scores > 0 then redis.call('ZADD', deadlines_key, 'XX', unpack(scores)) end
  if scan[1] == '0' then
    redis.call('DEL', walk_key)
    return false
  end
  redis.call('SET', walk_key, scan[1])
  return true
end
