-- The tests' own clock: whatever they put there.
local function now_ms()
  return tonumber(redis.call('GET', 'test-clock'))
end
