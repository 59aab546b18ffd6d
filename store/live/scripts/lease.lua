#!lua flags=allow-oom
-- lease: hands out due deliveries for one attempt each. They stay due, at the end of the lease: a crash gives them back.
--
-- KEYS  generation deliveries due lines channels disabled parked pauses letters tallies
-- ARGV  generation, at most how many, lease_ms, how many a channel gets that is not named here, the channel behind which parked
--       ones are looked for, then per channel: id, how many it gets, for how many ms its receiver has just asked for a pause (0: it has not,
--       -1: any that it asked for is over)
-- Returns  {ms until the next is due (or -1: none), the channel behind which to look next, 1 if there was more to look at, then
--          per delivery: id, turn (the token of the lease; lines.lua), event, channel or false, since when it is disabled or false}
-- Errors   GENERATION
-- Cost  O(looked at), at most 1024, and a handful per channel that is named
--
-- What is due and may not be attempted, because its channel has enough under way, is parked by channel. So however much of that there is, it
-- is passed over once, and hides nobody else's. Where a receiver asked for a pause, nothing of its channel is attempted until that is over.
--
-- A lease that ends without a word was no attempt and is not counted as one. But after PATIENCE of them in a row, each is twice as long
-- as the one before, up to LONGEST_MS: it may be this very delivery that ends whoever attempts it.
--@include clock
--@include generation
--@include lines
--@include letters
local K_DELIVERIES, K_DUE, K_LINES, K_CHANNELS, K_DISABLED = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local K_PARKED, K_PAUSES, K_LETTERS, K_TALLIES = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local MOST_LOOKED_AT, PAGE, PARKED_CHANNELS = 1024, 64, 128
-- Who waits longer than that for the end of a pause has it as the moment of its next attempt, and in the log.
local LONG_MS, PAUSED = 30000, 'not attempted, because the receiver asked for a pause (Retry-After)'
local PATIENCE, LONGEST_MS, LEASES_COUNTED = 16, 3600000, 255
local wanted, lease_ms, usual_room, look_behind = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local now = now_ms()
local rooms, paused_until, asked = {}, {}, {}
redis.call('ZREMRANGEBYSCORE', K_PAUSES, '-inf', now)
for i = 6, #ARGV, 3 do
  local channel, pause_ms = ARGV[i], tonumber(ARGV[i + 2])
  rooms[channel] = tonumber(ARGV[i + 1])
  if pause_ms > 0 then redis.call('ZADD', K_PAUSES, now + pause_ms, channel) end
  if pause_ms < 0 then redis.call('ZREM', K_PAUSES, channel) end
  asked[#asked + 1] = channel
end
local leased, taken, looked_at = {-1, 0, 0}, 0, 0

local some_pause = redis.call('EXISTS', K_PAUSES) == 1

-- False: it does not pause.
local function pause_of(channel)
  if paused_until[channel] == nil then
    paused_until[channel] = some_pause and tonumber(redis.call('ZSCORE', K_PAUSES, channel)) or false
  end
  return paused_until[channel]
end

local function pauses_long(channel)
  local until_ms = pause_of(channel)
  return until_ms and until_ms - now >= LONG_MS
end

local function room_of(channel)
  return pause_of(channel) and 0 or rooms[channel] or usual_room
end

local function is_parked(channel)
  return #redis.call('ZRANGEBYSCORE', K_PARKED, channel, channel, 'LIMIT', 0, 1) > 0
end

-- The turn of the next lease, and how long that is. What was counted to the end is counted on from the middle, as each is another.
local function next_lease(turn)
  local leases = math.floor(turn / A_LEASE) + 1
  if leases > LEASES_COUNTED then leases = (LEASES_COUNTED + 1) / 2 end
  local longer = lease_ms * 2 ^ math.max(0, leases - PATIENCE)
  return failed_of(turn) + leases * A_LEASE, math.max(lease_ms, math.min(longer, LONGEST_MS))
end

local function take(delivery, channel)
  local turn, event = read_delivery(redis.call('HGET', K_DELIVERIES, delivery))
  if not turn then
    redis.call('ZREM', K_DUE, delivery)
    return
  end
  taken, rooms[channel] = taken + 1, room_of(channel) - 1
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

-- Due when its channel's pause is over. Whoever tries a channel wants to see what comes of it, and does not wait. A reminder that
-- cannot be told soon is dropped: the next one is better than an old one, and an end may stand behind it.
local function put_off(delivery, channel)
  local turn, event = read_delivery(redis.call('HGET', K_DELIVERIES, delivery))
  if not turn or string.byte(event, 2) == KIND_TRIAL then return take(delivery, channel) end
  if is_reminder(event) then
    leave_line(K_DELIVERIES, K_DUE, K_LINES, delivery, event, now)
    note_moved(delivery, 0, DROPPED, 0, 0, 0, PAUSED)
    return
  end
  redis.call('ZADD', K_DUE, paused_until[channel], delivery)
  note_moved(delivery, 0, failed_of(turn) > 0 and RETRYING or WAITING, 0, 0, paused_until[channel], PAUSED)
end

local function park(parking)
  if #parking == 0 then return end
  local pairs_of = {}
  for i = 1, #parking do
    pairs_of[2 * i - 1], pairs_of[2 * i] = parking[i].channel, parking[i].delivery
  end
  redis.call('ZADD', K_PARKED, unpack(pairs_of))
  for i = 1, #parking do redis.call('ZREM', K_DUE, parking[i].delivery) end
end

local some_are_parked, older = redis.call('EXISTS', K_PARKED) == 1, {}

-- Whether others of its channel wait already: what comes later stands behind them.
local function has_older(channel)
  if older[channel] == nil then
    older[channel] = some_are_parked and is_parked(channel)
    if older[channel] then asked[#asked + 1] = channel end
  end
  return older[channel]
end

local function look_at(page)
  local parking = {}
  for i = 1, #page do
    if taken == wanted then break end
    looked_at = looked_at + 1
    local delivery = page[i]
    local channel = string.sub(delivery, (string.find(delivery, ':', 1, true) or 0) + 1)
    if pauses_long(channel) then
      put_off(delivery, channel)
    elseif not tonumber(channel) or (room_of(channel) > 0 and not has_older(channel)) then
      take(delivery, channel)
    else
      parking[#parking + 1] = {delivery = delivery, channel = channel}
    end
  end
  park(parking)
  some_are_parked = some_are_parked or #parking > 0
end

-- What is looked at is not due any more: it is leased, parked or put off. So the front of the line is always another one.
local function next_page()
  return taken < wanted and redis.call('ZRANGEBYSCORE', K_DUE, '-inf', now, 'LIMIT', 0, PAGE) or {}
end

local function look_at_parked(channel)
  local most = pauses_long(channel) and PAGE or math.min(room_of(channel), wanted - taken)
  if most <= 0 then return end
  local page = redis.call('ZRANGEBYSCORE', K_PARKED, channel, channel, 'LIMIT', 0, most)
  for i = 1, #page do
    redis.call('ZREM', K_PARKED, page[i])
    -- One that was settled late, by whoever had it before, has its moment.
    if not redis.call('ZSCORE', K_DUE, page[i]) then (pauses_long(channel) and put_off or take)(page[i], channel) end
  end
end

local page = next_page()
while #page > 0 and looked_at < MOST_LOOKED_AT do
  look_at(page)
  page = next_page()
end
if #page > 0 then leased[3] = 1 end

if some_are_parked then
  for i = 1, #asked do look_at_parked(asked[i]) end
  -- Of channels that nobody named some each time, in a circle.
  for _ = 1, PARKED_CHANNELS do
    if taken >= wanted then break end
    local found = redis.call('ZRANGEBYSCORE', K_PARKED, '(' .. look_behind, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    look_behind = found[2] and string.format('%.0f', found[2]) or '0'
    if not found[2] then break end
    look_at_parked(look_behind)
  end
  leased[2] = tonumber(look_behind)
end
local next_due = redis.call('ZRANGE', K_DUE, 0, 0, 'WITHSCORES')
if next_due[2] then leased[1] = math.max(0, tonumber(next_due[2]) - now) end
if redis.call('EXISTS', K_PARKED) == 1 then leased[1] = 0 end
write_letters(K_LETTERS, K_TALLIES, now, '')
return leased
