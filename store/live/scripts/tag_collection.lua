#!lua flags=allow-oom
-- tag_collection: writes into a collection which tags its monitors have, before it is attempted for the first time.
--
-- KEYS  generation deliveries letters tallies
-- ARGV  generation, delivery id, turn, tags (opaque)
-- Returns  the event as it is told from now on, or nothing when the lease is not ours any more
-- Errors   GENERATION; nothing is written
-- Cost  O(size of the collection)
--@include clock
--@include generation
--@include lines
--@include letters
local turn, event = read_delivery(redis.call('HGET', KEYS[2], ARGV[2]))
if turn ~= tonumber(ARGV[3]) or not is_collected(event) then return false end
local flags = struct.unpack(FLAGS, event, FLAGS_AT)
if math.floor(flags / TAGGED) % 2 == 0 then
  event = with_flag(event, TAGGED) .. ARGV[4]
  redis.call('HSET', KEYS[2], ARGV[2], struct.pack(DELIVERY, 1, turn) .. event)
  note_grown(ARGV[2], event)
  write_letters(KEYS[3], KEYS[4], now_ms(), '')
end
return event
