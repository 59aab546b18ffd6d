#!lua flags=allow-oom
-- settle: ends one attempt: delivered, to be tried again, given up (a dead letter), or dropped.
--
-- KEYS  generation deliveries due lines dead died buried disabled letters tallies events failing
-- ARGV  generation, delivery id, turn, outcome (done, retry, dead, gone), wait_ms before the next attempt, whether one
--       was made (1 or 0), its status (0: none) and duration_ms, the reason, epoch of the channel if it is to be disabled (else ''),
--       its epoch, what the other channels are to be told if it fails (opaque; '': nothing),
--       what is noted from now on of a delivery that is not done (opaque; '': what was)
-- Returns  1, or 0 when the lease is not ours any more: then nothing changes
-- Errors   GENERATION
-- Cost  O(line), a handful
--
-- `gone`: the channel was deleted, or there is nothing to be told. A beginning that is given up takes its end along; a reminder
-- that is given up is dropped, as the next one is better than an old one. The other
-- channels are told once an outage of a channel that it fails, and at most once an hour; a delivery ends the outage, unless
-- somebody whom the channel tells did not get it.
--@include clock
--@include generation
--@include lines
--@include letters
--@include dead
--@include noted
local K_DELIVERIES, K_DUE, K_LINES, K_DISABLED = KEYS[2], KEYS[3], KEYS[4], KEYS[8]
local YARD, K_LETTERS, K_TALLIES = {dead = KEYS[5], died = KEYS[6], buried = KEYS[7]}, KEYS[9], KEYS[10]
local K_EVENTS, K_FAILING, FAILING, TOLD_AGAIN_MS = KEYS[11], KEYS[12], '<I4I6B', 3600000
local delivery, outcome, wait_ms, epoch, failing = ARGV[2], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[11]), ARGV[12]
local channel = string.match(delivery, ':(%d+)$')
local now = now_ms()
local blob = redis.call('HGET', K_DELIVERIES, delivery)
local turn, event = read_delivery(blob)
if turn ~= tonumber(ARGV[3]) then return 0 end
-- Settled is the lease, however it ends: what is counted from here on are attempts that were made.
local made = ARGV[6] == '1' and 1 or 0
local attempts = math.min(failed_of(turn) + made, A_LEASE - 1)
blob = struct.pack(DELIVERY, 1, attempts) .. event
if ARGV[13] ~= '' and outcome ~= 'done' and #event >= EVENT_LEAST then
  event = with_noted(event, ARGV[13])
  blob = struct.pack(DELIVERY, 1, attempts) .. event
  note_grown(delivery, event)
end

local function note(to, next_ms)
  note_moved(delivery, made * attempts, to, tonumber(ARGV[7]), tonumber(ARGV[8]), next_ms, ARGV[9])
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

-- An event about this channel for the others, unless this outage was told of. That it reached some of its people only (2) says
-- less than that it reached nobody (0).
local function tell_others()
  local blob = redis.call('HGET', K_FAILING, channel)
  if blob then
    local of_epoch, told_ms, is_over = struct.unpack(FAILING, blob)
    local is_worse = is_over == 2 and outcome == 'dead'
    if of_epoch == epoch and not is_worse and (is_over ~= 1 or now - told_ms < TOLD_AGAIN_MS) then return end
  end
  local _, _, _, _, _, _, _, org = struct.unpack(EVENT_HEAD, event)
  local head = struct.pack(EVENT_HEAD .. 'I4I4', 1, KIND_FAILING, now, now, now, 0, 0, org, 0, 0) .. string.rep('\0', 16)
  redis.call('XADD', K_EVENTS, '*', 'e', head .. struct.pack(METRIC, tonumber(channel), 0) .. failing)
  redis.call('HSET', K_FAILING, channel, struct.pack(FAILING, epoch, now, outcome == 'dead' and 0 or 2))
end

local function end_outage()
  local blob = redis.call('HGET', K_FAILING, channel)
  if not blob then return end
  local of_epoch, told_ms, is_over = struct.unpack(FAILING, blob)
  if is_over ~= 1 then redis.call('HSET', K_FAILING, channel, struct.pack(FAILING, of_epoch, told_ms, 1)) end
end

if outcome == 'retry' then
  redis.call('HSET', K_DELIVERIES, delivery, blob)
  redis.call('ZADD', K_DUE, now + wait_ms, delivery)
  note(RETRYING, now + wait_ms)
else
  local line = leave_line(K_DELIVERIES, K_DUE, K_LINES, delivery, event, now)
  if outcome == 'dead' then
    if is_reminder(event) then
      note(DROPPED, 0)
    else
      bury(YARD, delivery, blob, now)
      note(DEAD, 0)
      if not is_end(event) then take_along(line) end
      thin_out(YARD, K_TALLIES)
    end
  else
    if outcome == 'done' and failing == '' then end_outage() end
    note(outcome == 'done' and DELIVERED or DROPPED, 0)
    -- This incident's beginning is told now, whatever became of it before: its end may be told too.
    local grave = outcome == 'done' and not is_end(event) and not is_reminder(event) and grave_of(delivery, event)
    if grave then redis.call('HDEL', YARD.buried, grave) end
  end
end
if failing ~= '' and #event >= EVENT_LEAST then tell_others() end
if ARGV[10] ~= '' then
  redis.call('HSET', K_DISABLED, channel, struct.pack('<I4I6', tonumber(ARGV[10]), now))
end
write_letters(K_LETTERS, K_TALLIES, now, '')
return 1
