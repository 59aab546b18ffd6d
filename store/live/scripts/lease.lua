#!lua flags=allow-oom
-- lease: hands out due deliveries for one attempt each. They stay due, at the end of the lease: a crash gives them back.
--
-- KEYS  generation deliveries due channels disabled
-- ARGV  generation, at most how many, lease_ms, then the ids of channels that have enough under way
-- Returns  {ms until the next is due (or -1: none), then per delivery: id, turn (the token of the lease; lines.lua), event,
--          channel or false, since when it is disabled or false}
-- Errors   GENERATION
-- Cost  O(looked at), at most 2048
--
-- A lease that ends without a word was no attempt and is not counted as one. But after PATIENCE of them in a row, each is twice as long
-- as the one before, up to LONGEST_MS: it may be this very delivery that ends whoever attempts it.
--@include clock
--@include generation
--@include lines
local K_DELIVERIES, K_DUE, K_CHANNELS, K_DISABLED = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local FRONT, PAGE, STRETCH, TURN_MS = 512, 64, 1536, 100
local PATIENCE, LONGEST_MS, LEASES_COUNTED = 16, 3600000, 255
local wanted, lease_ms = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local busy = {}
for i = 4, #ARGV do busy[ARGV[i]] = true end
local leased = {-1}
local due = redis.call('ZCOUNT', K_DUE, '-inf', now)
local taken, passed_over = 0, 0

-- The turn of the next lease, and how long that is. What was counted to the end is counted on from the middle, as each is another.
local function next_lease(turn)
  local leases = math.floor(turn / A_LEASE) + 1
  if leases > LEASES_COUNTED then leases = (LEASES_COUNTED + 1) / 2 end
  local longer = lease_ms * 2 ^ math.max(0, leases - PATIENCE)
  return failed_of(turn) + leases * A_LEASE, math.max(lease_ms, math.min(longer, LONGEST_MS))
end

local function take(delivery)
  local channel = string.sub(delivery, (string.find(delivery, ':', 1, true) or 0) + 1)
  if busy[channel] then
    passed_over = passed_over + 1
    return
  end
  local turn, event = read_delivery(redis.call('HGET', K_DELIVERIES, delivery))
  if not turn then
    redis.call('ZREM', K_DUE, delivery)
    due = due - 1
    return
  end
  taken, due = taken + 1, due - 1
  local length_ms
  turn, length_ms = next_lease(turn)
  -- What is attempted does not grow any more: every attempt says the same.
  if is_collected(event) then event = with_flag(event, SEALED) end
  redis.call('HSET', K_DELIVERIES, delivery, struct.pack(DELIVERY, 1, turn) .. event)
  redis.call('ZADD', K_DUE, now + length_ms, delivery)
  leased[#leased + 1] = delivery
  leased[#leased + 1] = turn
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
