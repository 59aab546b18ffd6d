#!lua flags=allow-oom
-- settle: ends one attempt: delivered, to be tried again, given up (a dead letter), or dropped.
--
-- KEYS  generation deliveries due lines dead died buried disabled letters tallies
-- ARGV  generation, delivery id, attempt, outcome (done, retry, dead, gone), wait_ms before the next attempt, whether one
--       was made (1 or 0), its status (0: none) and duration_ms, the reason, epoch of the channel if it is to be disabled
-- Returns  1, or 0 when the lease is not ours any more: then nothing changes
-- Errors   GENERATION
-- Cost  O(line), a handful
--
-- `gone`: the channel was deleted, or there is nothing to be told. A beginning that is given up takes its end along.
--@include clock
--@include generation
--@include lines
--@include letters
--@include dead
local K_DELIVERIES, K_DUE, K_LINES, K_DISABLED = KEYS[2], KEYS[3], KEYS[4], KEYS[8]
local YARD, K_LETTERS, K_TALLIES = {dead = KEYS[5], died = KEYS[6], buried = KEYS[7]}, KEYS[9], KEYS[10]
local delivery, outcome, wait_ms = ARGV[2], ARGV[4], tonumber(ARGV[5])
local now = now_ms()
local blob = redis.call('HGET', K_DELIVERIES, delivery)
local attempts, event = read_delivery(blob)
if attempts ~= tonumber(ARGV[3]) then return 0 end

local function note(to, next_ms)
  local made = ARGV[6] == '1' and attempts or 0
  note_moved(delivery, made, to, tonumber(ARGV[7]), tonumber(ARGV[8]), next_ms, ARGV[9])
end

-- The ends that stand behind a beginning which is given up, up to the next beginning.
local function take_along(line)
  for _, other in ipairs(line) do
    local other_blob = redis.call('HGET', K_DELIVERIES, other)
    local other_attempts, other_event = read_delivery(other_blob)
    if not other_attempts or not is_end(other_event) then return end
    leave_line(K_DELIVERIES, K_DUE, K_LINES, other, other_event, now)
    bury(YARD, other, other_blob, now)
    note_moved(other, 0, DEAD, 0, 0, 0, TAKEN_ALONG)
  end
end

if outcome == 'retry' then
  redis.call('ZADD', K_DUE, now + wait_ms, delivery)
  note(RETRYING, now + wait_ms)
else
  local line = leave_line(K_DELIVERIES, K_DUE, K_LINES, delivery, event, now)
  if outcome == 'dead' then
    bury(YARD, delivery, blob, now)
    note(DEAD, 0)
    if not is_end(event) then take_along(line) end
    thin_out(YARD, K_TALLIES)
  else
    note(outcome == 'done' and DELIVERED or DROPPED, 0)
    -- This incident's beginning is told now, whatever became of it before: its end may be told too.
    local grave = outcome == 'done' and not is_end(event) and grave_of(delivery, event)
    if grave then redis.call('HDEL', YARD.buried, grave) end
  end
end
if ARGV[10] ~= '' then
  redis.call('HSET', K_DISABLED, string.match(delivery, ':(%d+)$'), struct.pack('<I4I6', tonumber(ARGV[10]), now))
end
write_letters(K_LETTERS, K_TALLIES, now, '')
return 1
