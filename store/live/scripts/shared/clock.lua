-- The clock of record: Redis TIME in whole milliseconds. Frozen within a script.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
