#!lua flags=no-writes
-- look: reads the states of monitors for somebody who asks.
--
-- KEYS  generation state config blind
-- ARGV  generation, monitor ids packed as <I4 each, at most 1,000
-- Returns  {now_ms, packed states one after the other, each with 6 bytes more: of a down its delay in ms, of a watched one
--          whose window blind time touches its deadline; zeros for one that is not there or unreadable}
-- Errors   GENERATION
-- Cost  O(ids), and a config for each window that blind time touches; ids and states are one value each on the wire, because
--       clients take longer over many than this does
--@include clock
--@include generation
--@include records
--@include blind
local count, now = #ARGV[2] / 4, now_ms()
if count == 0 then return {now, ''} end
local ids = {struct.unpack('<' .. string.rep('I4', count), ARGV[2])}
ids[count + 1] = nil  -- where it stopped reading
local states, holes = redis.call('HMGET', KEYS[2], unpack(ids)), read_holes(redis.call('GET', KEYS[4]))
local no_tail = string.rep('\0', DELAY_LENGTH)
local nothing = string.rep('\0', STATE_LENGTH + DELAY_LENGTH)
local last_end = #holes > 0 and holes[#holes][2] or 0
local moved, places, bases = {}, {}, {}
for i = 1, count do
  local state = states[i]
  if not state or (#state ~= STATE_LENGTH and #state ~= STATE_LENGTH + DELAY_LENGTH) then
    states[i] = nothing
  elseif #state == STATE_LENGTH then
    states[i] = state .. no_tail
    local _, phase, base = struct.unpack('<BBI6', state)
    if phase == ACTIVE and (base < last_end or base > now) then
      moved[#moved + 1], places[#places + 1], bases[#bases + 1] = ids[i], i, math.min(base, now)
    end
  end
end
if #moved > 0 then
  local configs = redis.call('HMGET', KEYS[3], unpack(moved))
  for m = 1, #moved do
    local version, interval_s, grace_s = read_config(configs[m])
    if version then
      local deadline = effective_deadline(bases[m], (interval_s + grace_s) * 1000, holes)
      states[places[m]] = string.sub(states[places[m]], 1, STATE_LENGTH) .. struct.pack(DELAY, deadline)
    end
  end
end
return {now, table.concat(states)}
