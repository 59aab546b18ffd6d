#!lua
-- restore_deliveries: puts deliveries that were not settled, and dead letters, back after Redis was emptied.
--
-- KEYS  generation deliveries due lines dead died buried collected
-- ARGV  generation, then per delivery, in the order of their lines: id, failed attempts, due_ms (0: now), died_ms (0: it waits), event
-- Returns  how many were put back: those whose event can be read
-- Errors   none of its own
-- Cost  O(deliveries and what they collect). The generation is not checked: it is set last, when the rebuilding is complete.
--@include clock
--@include lines
--@include dead
--@include collect
local YARD = {dead = KEYS[5], died = KEYS[6], buried = KEYS[7]}
local now, restored = now_ms(), 0

-- The ups of downs that were collected are to be collected too, behind these.
local function mark_members(delivery, event)
  local one, channel = open_collection(delivery, struct.pack(DELIVERY, 1, 0) .. event), tonumber(string.match(delivery, ':(%d+)$'))
  local members = one.members[1]
  for at = 1, #members - MEMBER_BYTES + 1, MEMBER_BYTES do
    local monitor, silence = struct.unpack(MEMBER, members, at)
    local field = string.format('%.0f:%.0f', monitor, silence)
    local marks = redis.call('HGET', KEYS[8], field) or ''
    redis.call('HSET', KEYS[8], field, marks .. struct.pack(MARK, channel, one.window))
  end
end

for i = 2, #ARGV, 5 do
  local delivery, failed, event = ARGV[i], math.min(tonumber(ARGV[i + 1]), A_LEASE - 1), ARGV[i + 4]
  local due, died = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  if #event >= EVENT_LEAST then
    if died > 0 then
      bury(YARD, delivery, struct.pack(DELIVERY, 1, failed) .. event, died)
    else
      join_line(KEYS[2], KEYS[3], KEYS[4], delivery, failed, event, due > 0 and due or now)
    end
    if string.byte(event, 2) == KIND_DOWNS then mark_members(delivery, event) end
    restored = restored + 1
  end
end
return restored
