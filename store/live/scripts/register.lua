#!lua flags=allow-oom
-- register: takes a writer slot for a new incarnation. The time since the slot, or the last writer, was heard is blind.
--
-- KEYS  generation writers replies heard blind tallies walk due pauses
-- ARGV  generation, slot, incarnation (8 bytes), up to when the caller itself was heard before, in ms (0: never)
-- Returns  now_ms, which is the writer's first watermark; its next sequence is 1
-- Errors   GENERATION; nothing is written
-- Cost  O(writers)
--@include clock
--@include generation
--@include blind
--@include writers
--@include stepping
local K_WRITERS, K_REPLIES, K_HEARD, K_BLIND, K_TALLIES = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local K_WALK, K_DUE, K_PAUSES = KEYS[7], KEYS[8], KEYS[9]
local slot, incarnation = ARGV[2], ARGV[3]
if #incarnation ~= 8 then return redis.error_reply('MALFORMED incarnation') end
local now = now_ms()
-- A slot that is still there belongs to a process that died: what it held is lost, however short the gap.
local unheard_since = read_writer(redis.call('HGET', K_WRITERS, slot))
local died_at = unheard_since
if not unheard_since and redis.call('HLEN', K_WRITERS) == 0 then unheard_since = tonumber(redis.call('GET', K_HEARD)) end
local _, _, latest = smallest_watermark(K_WRITERS)
latest = math.max(latest or 0, unheard_since or 0)
if is_step_back(latest, now) then
  step_back(K_WRITERS, K_BLIND, K_TALLIES, K_WALK, K_DUE, K_PAUSES, now, latest)
  unheard_since = unheard_since and math.min(unheard_since, now)
end
-- After a small step back, which is waited out, the slot may have been heard a little later than now.
local first = math.max(now, unheard_since or 0)
local own = math.min(tonumber(ARGV[4]), now)
-- Heard, said Redis, and does not know of it any more. A caller that is new cannot say.
local is_loss = unheard_since ~= nil and own > unheard_since
if own == 0 and died_at and may_be_lost(died_at, now) then is_loss, unheard_since = true, math.min(unheard_since, now - 1) end
if own > 0 and (not unheard_since or own < unheard_since) then unheard_since = own end
if unheard_since then add_hole(K_BLIND, K_TALLIES, unheard_since, now, is_loss) end
redis.call('HSET', K_WRITERS, slot, pack_writer(first, 0, now, incarnation))
redis.call('HDEL', K_REPLIES, slot)
redis.call('DEL', K_HEARD)
return now
