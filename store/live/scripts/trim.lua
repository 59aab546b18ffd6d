#!lua flags=allow-oom
-- trim: removes what every reader has committed from the front of a stream.
--
-- KEYS  generation, stream, tallies, dispatched (only for events)
-- ARGV  generation, the recorder's committed id, bytes appended up to there (0 for events), the tally that notes them
-- Returns  how many entries were removed: none from a stream that has fallen behind, as nobody has read what is in it now
-- Errors   GENERATION
-- Cost  O(removed)
--@include generation
--@include fallen
local committed = ARGV[2]

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

if has_fallen_behind(KEYS[2], committed) then return 0 end
local ms, seq = parts(committed)
if KEYS[4] then
  local dispatched = redis.call('GET', KEYS[4])
  if not dispatched then return 0 end
  local other_ms, other_seq = parts(dispatched)
  if other_ms < ms or (other_ms == ms and other_seq < seq) then ms, seq = other_ms, other_seq end
else
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[3])
end
return redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-%.0f', ms, seq + 1))
