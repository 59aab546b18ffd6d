#!lua flags=no-writes
-- count_statuses: counts the monitors of one page by their status, for whoever holds the tallies against them.
--
-- KEYS  generation state tallies
-- ARGV  generation, cursor (0 at first), about how many
-- Returns  {next cursor (0: that was the last page), how many are new, up, down, paused, and what the tallies say of each}
-- Errors   GENERATION
-- Cost  O(page)
--@include generation
--@include records
local STATUSES = {'new', 'up', 'down', 'paused'}
local found = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', tonumber(ARGV[3]))
local counted, states = {}, found[2]
for i = 2, #states, 2 do
  local phase, _, seen = read_state(states[i])
  local status = phase and counted_as(phase, seen)
  if status then counted[status] = (counted[status] or 0) + 1 end
end
local reply = {found[1]}
for i = 1, #STATUSES do reply[#reply + 1] = counted[STATUSES[i]] or 0 end
for i = 1, #STATUSES do reply[#reply + 1] = tonumber(redis.call('HGET', KEYS[3], STATUSES[i])) or 0 end
return reply
