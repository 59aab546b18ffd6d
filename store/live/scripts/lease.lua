#!lua flags=allow-oom
-- lease: hands out due deliveries for one attempt each. They stay due, at the end of the lease: a crash gives them back.
--
-- KEYS  generation deliveries due channels disabled
-- ARGV  generation, at most how many, lease_ms, then the ids of channels that have enough under way
-- Returns  {ms until the next is due (or -1: none), then per delivery: id, attempt (from 1, it is the token of the lease), event,
--          channel or false, since when it is disabled or false}
-- Errors   GENERATION
-- Cost  O(looked at), bounded
--@include clock
--@include generation
--@include lines
local PAGE, PAGES = 512, 40
local K_DELIVERIES, K_DUE, K_CHANNELS, K_DISABLED = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local wanted, lease_ms = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local busy = {}
for i = 4, #ARGV do busy[ARGV[i]] = true end
local leased = {-1}
local taken, passed_over = 0, 0

local function take(delivery)
  local channel = string.match(delivery, ':(%d+)$')
  if busy[channel] then
    passed_over = passed_over + 1
    return
  end
  local attempts, event = read_delivery(redis.call('HGET', K_DELIVERIES, delivery))
  if not attempts then
    redis.call('ZREM', K_DUE, delivery)
    return
  end
  taken = taken + 1
  attempts = math.min(attempts + 1, 65535)
  -- What is attempted does not grow any more: every attempt says the same.
  if is_collected(event) then event = with_flag(event, SEALED) end
  redis.call('HSET', K_DELIVERIES, delivery, struct.pack(DELIVERY, 1, attempts) .. event)
  redis.call('ZADD', K_DUE, now + lease_ms, delivery)
  leased[#leased + 1] = delivery
  leased[#leased + 1] = attempts
  leased[#leased + 1] = event
  leased[#leased + 1] = redis.call('HGET', K_CHANNELS, channel)
  leased[#leased + 1] = redis.call('HGET', K_DISABLED, channel)
end

-- Page after page, because the first ones may all be of busy channels. What is taken has left its place.
for _ = 1, PAGES do
  local due = redis.call('ZRANGEBYSCORE', K_DUE, '-inf', now, 'LIMIT', passed_over, PAGE)
  for i = 1, #due do
    if taken < wanted then take(due[i]) end
  end
  if #due < PAGE or taken == wanted then break end
end
local next_due = redis.call('ZRANGE', K_DUE, 0, 0, 'WITHSCORES')
if next_due[2] then leased[1] = math.max(0, tonumber(next_due[2]) - now) end
return leased
