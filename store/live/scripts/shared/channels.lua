-- The body of put_channels and restore_channels. `came`: since when those are there that were not; nil: nobody knows.
local K_ORGS, K_CHANNELS, K_DISABLED, K_MANNERS, K_BURSTS, K_FAILING = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local K_NEWCOMERS, were = KEYS[8], {}
local org, version = ARGV[2], tonumber(ARGV[3])
local former = redis.call('HGET', K_ORGS, org)
if former and #former >= 4 then
  if struct.unpack('<I4', former) >= version then return 0 end
  for at = 5, #former - 3, 4 do
    local channel = struct.unpack('<I4', former, at)
    redis.call('HDEL', K_CHANNELS, channel)
    were[channel] = true
  end
end
local packed, present = {struct.pack('<I4', version)}, {}
for i = 4, #ARGV, 3 do
  packed[#packed + 1], present[tonumber(ARGV[i])] = struct.pack('<I4', tonumber(ARGV[i])), true
  if came and not were[tonumber(ARGV[i])] and redis.call('HEXISTS', K_MANNERS, ARGV[i]) == 0 then
    redis.call('HSET', K_NEWCOMERS, ARGV[i], struct.pack('<I6', came))
  end
  redis.call('HSET', K_CHANNELS, ARGV[i], ARGV[i + 1])
  redis.call('HSET', K_MANNERS, ARGV[i], ARGV[i + 2])
end
for at = 5, former and #former - 3 or 0, 4 do
  local channel = struct.unpack('<I4', former, at)
  if not present[channel] then
    redis.call('HDEL', K_DISABLED, channel)
    redis.call('HDEL', K_MANNERS, channel)
    redis.call('HDEL', K_BURSTS, channel, channel .. ':u', channel .. ':r')
    redis.call('HDEL', K_FAILING, channel)
    redis.call('HDEL', K_NEWCOMERS, channel)
  end
end
redis.call('HSET', K_ORGS, org, table.concat(packed))
return 1
