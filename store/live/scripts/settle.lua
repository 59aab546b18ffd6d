#!lua flags=allow-oom
-- settle: ends one attempt: delivered, to be tried again, or given up (a dead letter).
--
-- KEYS  generation deliveries due lines dead
-- ARGV  generation, delivery id, attempt, outcome (done, retry, dead, gone), wait_ms before the next attempt
-- Returns  1, or 0 when the lease is not ours any more: then nothing changes
-- Errors   GENERATION
-- Cost  O(line), a handful
--
-- `gone`: the channel was deleted; the delivery is dropped without a trace.
--@include clock
--@include generation
--@include lines
local DEAD_KEPT = 10000
local K_DELIVERIES, K_DUE, K_LINES, K_DEAD = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local delivery, outcome = ARGV[2], ARGV[4]
local now = now_ms()
local blob = redis.call('HGET', K_DELIVERIES, delivery)
local attempts, event = read_delivery(blob)
if attempts ~= tonumber(ARGV[3]) then return 0 end
if outcome == 'retry' then
  redis.call('ZADD', K_DUE, now + tonumber(ARGV[5]), delivery)
else
  if outcome == 'dead' and redis.call('HLEN', K_DEAD) < DEAD_KEPT then redis.call('HSET', K_DEAD, delivery, blob) end
  leave_line(K_DELIVERIES, K_DUE, K_LINES, delivery, event, now)
end
return 1
