#!lua flags=allow-oom
-- note_last_ping: writes into deliveries what their monitors sent last, before they are attempted for the first time.
--
-- KEYS  generation deliveries letters tallies
-- ARGV  generation, then per delivery: its id, turn, what is noted (opaque)
-- Returns  per delivery 1, or 0 when the lease is not ours any more: then it is as it was
-- Errors   GENERATION; nothing is written
-- Cost  O(deliveries and their size)
--
-- It stands behind the event then (noted.lua). That is done once, so that every attempt says the same.
--@include clock
--@include generation
--@include lines
--@include letters
--@include noted
local ours = {}
for i = 2, #ARGV, 3 do
  local delivery, noted = ARGV[i], ARGV[i + 2]
  local turn, event = read_delivery(redis.call('HGET', KEYS[2], delivery))
  local is_ours = turn == tonumber(ARGV[i + 1]) and #event >= EVENT_LEAST
  if is_ours and not is_noted(event) then
    event = with_noted(event, noted)
    redis.call('HSET', KEYS[2], delivery, struct.pack(DELIVERY, 1, turn) .. event)
    note_grown(delivery, event)
  end
  ours[#ours + 1] = is_ours and 1 or 0
end
write_letters(KEYS[3], KEYS[4], now_ms(), '')
return ours
