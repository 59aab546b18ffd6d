#!lua flags=allow-oom
-- retry_letter: puts a dead letter back in line, due at once, and with it what was buried of the same incident, in order.
--
-- KEYS  generation deliveries due lines dead died buried letters tallies
-- ARGV  generation, delivery id
-- Returns  how many were put back; 0: it is not a dead letter
-- Errors   GENERATION; nothing is written
-- Cost  O(line), a handful
--@include clock
--@include generation
--@include lines
--@include letters
--@include dead
local YARD = {dead = KEYS[5], died = KEYS[6], buried = KEYS[7]}
local now = now_ms()
local _, event = read_delivery(redis.call('HGET', YARD.dead, ARGV[2]))
local line = event and grave_of(ARGV[2], event)
if not line then return 0 end

local buried, put_back = redis.call('HGET', YARD.buried, line) or '', 0
if not string.find(' ' .. buried .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then buried = ARGV[2] end
for delivery in string.gmatch(buried, '%S+') do
  local told = exhume(YARD, delivery)
  if told then
    join_line(KEYS[2], KEYS[3], KEYS[4], delivery, 0, told, now)
    note_moved(delivery, 0, WAITING, 0, 0, 0, '')
    put_back = put_back + 1
  end
end
write_letters(KEYS[8], KEYS[9], now, '')
return put_back
