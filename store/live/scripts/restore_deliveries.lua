#!lua
-- restore_deliveries: puts deliveries that were not settled, and dead letters, back after Redis was emptied.
--
-- KEYS  generation deliveries due lines dead died buried
-- ARGV  generation, then per delivery, in the order of their lines: id, attempts, due_ms (0: now), died_ms (0: it waits), event
-- Returns  how many were put back: those whose event can be read
-- Errors   none of its own
-- Cost  O(deliveries). The generation is not checked: it is set last, when the rebuilding is complete.
--@include clock
--@include lines
--@include dead
local YARD = {dead = KEYS[5], died = KEYS[6], buried = KEYS[7]}
local now, restored = now_ms(), 0
for i = 2, #ARGV, 5 do
  local delivery, attempts, event = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 4]
  local due, died = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  if #event >= EVENT_LEAST then
    if died > 0 then
      bury(YARD, delivery, struct.pack(DELIVERY, 1, attempts) .. event, died)
    else
      join_line(KEYS[2], KEYS[3], KEYS[4], delivery, attempts, event, due > 0 and due or now)
    end
    restored = restored + 1
  end
end
return restored
