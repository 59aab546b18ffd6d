-- Puts many monitors into the hashes at once: noted one by one, written in vectors, one call of each kind.
local planted_configs, planted_states, planted_scores, planted_tally = {}, {}, {}, {}

local function plant(id, config, limit, phase, base, seen, recorded, down_at, delayed)
  planted_configs[#planted_configs + 1] = id
  planted_configs[#planted_configs + 1] = config
  planted_states[#planted_states + 1] = id
  planted_states[#planted_states + 1] = pack_state(phase, base, seen, recorded, down_at, delayed)
  if phase == ACTIVE then
    planted_scores[#planted_scores + 1] = base + limit
    planted_scores[#planted_scores + 1] = id
  end
  local status = counted_as(phase, seen)
  planted_tally[status] = (planted_tally[status] or 0) + 1
end

local function write_planted(config_key, state_key, deadlines_key, tallies_key)
  if #planted_configs == 0 then return end
  redis.call('HSET', config_key, unpack(planted_configs))
  redis.call('HSET', state_key, unpack(planted_states))
  if #planted_scores > 0 then redis.call('ZADD', deadlines_key, unpack(planted_scores)) end
  for status, count in pairs(planted_tally) do redis.call('HINCRBY', tallies_key, status, count) end
end
