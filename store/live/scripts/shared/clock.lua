-- The clock of record: Redis TIME in whole milliseconds. Frozen within a script.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- About when this server was started, and not more than a second before it really was. 0: it does not say.
local function started_ms()
  local uptime = string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')
  return uptime and now_ms() - uptime * 1000 or 0
end
