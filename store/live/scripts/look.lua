#!lua flags=no-writes
-- look: reads the states of monitors for somebody who asks.
--
-- KEYS  generation state config blind rules runs
-- ARGV  generation, monitor ids packed as <I4 each, at most 200
-- Returns  {now_ms, packed states one after the other, each with 6 bytes more: of a down its delay in ms, of a watched one
--          that has rules, or whose window blind time touches, its deadline; zeros for one that is not there or unreadable}
-- Errors   GENERATION
-- Cost  O(ids), and a config for each window that blind time touches, also rules for each monitor that has
--       any; ids and states are one value each on the wire, because
--       clients take longer over many than this does
--@include clock
--@include generation
--@include records
--@include blind
--@include kit
local count, now = #ARGV[2] / 4, now_ms()
if count == 0 then return {now, ''} end
local ids = {struct.unpack('<' .. string.rep('I4', count), ARGV[2])}
ids[count + 1] = nil  -- where it stopped reading
local states, holes = redis.call('HMGET', KEYS[2], unpack(ids)), read_holes(redis.call('GET', KEYS[4]))
local no_tail = string.rep('\0', DELAY_LENGTH)
local nothing = string.rep('\0', STATE_LENGTH + DELAY_LENGTH)
local last_end = #holes > 0 and holes[#holes][2] or 0
local parts, moved, places, bases, specials, m = {}, {}, {}, {}, {}, 0
for i = 1, count do
  local state = states[i]
  parts[2 * i - 1], parts[2 * i] = state, ''
  if not state or (#state ~= STATE_LENGTH and #state ~= STATE_LENGTH + DELAY_LENGTH) then
    parts[2 * i - 1] = nothing
  elseif #state == STATE_LENGTH then
    parts[2 * i] = no_tail
    local _, phase, base = struct.unpack('<BBI6', state)
    local marks = math.floor(phase / MARKED)
    if phase % MARKED == ACTIVE and (marks >= MARK_RULES or base < last_end or base > now) then
      m = m + 1
      moved[m], places[m], bases[m], specials[m] = ids[i], 2 * i, base < now and base or now, marks >= MARK_RULES and state
    end
  end
end
if m > 0 then
  local configs = redis.call('HMGET', KEYS[3], unpack(moved))
  for k = 1, m do
    local version, interval_s, grace_s = read_config(configs[k])
    local one
    if version and specials[k] then
      local phase, _, seen, _, down_at, delayed = read_state(specials[k])
      one = kit().load(
        KEYS[5], KEYS[6], now, string.format('%.0f', moved[k]), configs[k], phase, bases[k], seen, down_at, delayed, MARK_RULES)
    end
    if one then
      -- That of its silence: a run that is to end sooner is not what makes it late.
      parts[places[k]] = struct.pack(DELAY, kit().silence_deadline(one, holes))
    elseif version then
      parts[places[k]] = struct.pack(DELAY, effective_deadline(bases[k], (interval_s + grace_s) * 1000, holes))
    end
  end
end
return {now, table.concat(parts)}
