#!lua flags=allow-oom
-- log_again: writes deliveries that wait, and dead letters, into the log of deliveries once more, as that has lost them.
--
-- KEYS  generation deliveries due dead letters tallies
-- ARGV  generation, delivery ids
-- Returns  how many of them are there and can be read
-- Errors   GENERATION; nothing is written
-- Cost  O(ids)
--@include clock
--@include generation
--@include lines
--@include letters
local K_DELIVERIES, K_DUE, K_DEAD = KEYS[2], KEYS[3], KEYS[4]
local now, logged = now_ms(), 0
for i = 2, #ARGV do
  local delivery = ARGV[i]
  local entry, channel = string.match(delivery, '^(.*):(%d+)$')
  local waiting = redis.call('HGET', K_DELIVERIES, delivery)
  local turn, event = read_delivery(waiting or redis.call('HGET', K_DEAD, delivery))
  if entry and turn then
    note_made(entry, event, struct.pack('<I4', tonumber(channel)))
    if not waiting then
      note_moved(delivery, 0, DEAD, 0, 0, 0, '')
    elseif failed_of(turn) > 0 then
      note_moved(delivery, 0, RETRYING, 0, 0, tonumber(redis.call('ZSCORE', K_DUE, delivery)) or now, '')
    end
    logged = logged + 1
  end
end
write_letters(KEYS[5], KEYS[6], now, '')
return logged
