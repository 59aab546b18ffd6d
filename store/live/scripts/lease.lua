#!lua flags=allow-oom
-- lease: hands out due deliveries for one attempt each. They stay due, at the end of the lease: a crash gives them back.
--
-- KEYS  generation deliveries due channels disabled
-- ARGV  generation, at most how many, lease_ms, then the ids of channels that have enough under way
-- Returns  {ms until the next is due (or -1: none), then per delivery: id, attempt (from 1, it is the token of the lease), event,
--          channel or false, since when it is disabled or false}
-- Errors   GENERATION
-- Cost  O(looked at), at most 2048
--@include clock
--@include generation
--@include lines
local K_DELIVERIES, K_DUE, K_CHANNELS, K_DISABLED = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local FRONT, PAGE, STRETCH, TURN_MS = 512, 64, 1536, 100
local wanted, lease_ms = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local busy = {}
for i = 4, #ARGV do busy[ARGV[i]] = true end
local leased = {-1}
local due = redis.call('ZCOUNT', K_DUE, '-inf', now)
local taken, passed_over = 0, 0

local function take(delivery)
  local channel = string.sub(delivery, (string.find(delivery, ':', 1, true) or 0) + 1)
  if busy[channel] then
    passed_over = passed_over + 1
    return
  end
  local attempts, event = read_delivery(redis.call('HGET', K_DELIVERIES, delivery))
  if not attempts then
    redis.call('ZREM', K_DUE, delivery)
    due = due - 1
    return
  end
  taken, due = taken + 1, due - 1
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

-- Looks at due deliveries from a place of the line on, as long as more are wanted.
local function look_at(place, most)
  local last = math.min(place + most, due) - 1
  local page = last >= place and redis.call('ZRANGE', K_DUE, place, last) or {}
  for i = 1, #page do
    if taken == wanted then return end
    take(page[i])
  end
end

-- The first ones may all be of busy channels, and very many. So the front of the line is looked at, and one stretch of
-- the rest, every tenth of a second another one: a call stays short, and everybody's turn comes.
while taken < wanted and passed_over < math.min(FRONT, due) do look_at(passed_over, PAGE) end
if taken < wanted and due > FRONT then look_at(FRONT + math.floor(now / TURN_MS) * STRETCH % (due - FRONT), STRETCH) end
local next_due = redis.call('ZRANGE', K_DUE, 0, 0, 'WITHSCORES')
if next_due[2] then leased[1] = math.max(0, tonumber(next_due[2]) - now) end
return leased
