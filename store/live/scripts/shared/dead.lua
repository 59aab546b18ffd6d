-- Dead letters: `dead` holds them, `died` the moments at which they were given up, `buried` their lines in order. While the
-- beginning of an incident is buried, its end is not told either.
local DEAD_KEPT = 10000
local TAKEN_ALONG = 'not told, because the beginning of its incident was given up'
local CROWDED_OUT = 'dropped, because there are more than 10,000 dead letters'

-- The words of a line that are left when one is taken away.
local function without(words, gone)
  local rest = {}
  for word in string.gmatch(words, '%S+') do
    if word ~= gone then rest[#rest + 1] = word end
  end
  return table.concat(rest, ' ')
end

-- The line of a letter; nil for one whose event cannot be read.
local function grave_of(delivery, event)
  if #event < EVENT_LEAST then return nil end
  return line_of(delivery, event)
end

local function bury(yard, delivery, blob, now)
  local _, event = read_delivery(blob)
  local line = grave_of(delivery, event)
  redis.call('HSET', yard.dead, delivery, blob)
  redis.call('ZADD', yard.died, now, delivery)
  if line then
    local others = redis.call('HGET', yard.buried, line)
    redis.call('HSET', yard.buried, line, others and without(others, delivery) .. ' ' .. delivery or delivery)
  end
end

-- Takes a letter out of the dead ones; its event, or nil if it is not one of them.
local function exhume(yard, delivery)
  local _, event = read_delivery(redis.call('HGET', yard.dead, delivery))
  redis.call('HDEL', yard.dead, delivery)
  redis.call('ZREM', yard.died, delivery)
  local line = event and grave_of(delivery, event)
  if line then
    local rest = without(redis.call('HGET', yard.buried, line) or '', delivery)
    if rest == '' then
      redis.call('HDEL', yard.buried, line)
    else
      redis.call('HSET', yard.buried, line, rest)
    end
  end
  return event
end

-- true while what was buried last of a line is a beginning: its end is to follow it.
local function beginning_is_buried(yard, line)
  local last = string.match(redis.call('HGET', yard.buried, line) or '', '(%S+)$')
  if not last then return false end
  local _, event = read_delivery(redis.call('HGET', yard.dead, last))
  return event and not is_end(event)
end

-- The oldest go when there are too many.
local function thin_out(yard, tallies_key)
  local over = redis.call('HLEN', yard.dead) - DEAD_KEPT
  if over <= 0 then return end
  local oldest = redis.call('ZRANGE', yard.died, 0, over - 1)
  for i = 1, #oldest do
    exhume(yard, oldest[i])
    note_moved(oldest[i], 0, DROPPED, 0, 0, 0, CROWDED_OUT)
  end
  redis.call('HINCRBY', tallies_key, 'dead_dropped', #oldest)
end
