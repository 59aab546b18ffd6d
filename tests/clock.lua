-- The tests' own clock: whatever they put there.
local function now_ms()
  return tonumber(redis.call('GET', 'test-clock'))
end

local function started_ms()
  return tonumber(redis.call('GET', 'test-started') or 0)
end
