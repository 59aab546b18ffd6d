-- The body of put_channels and restore_channels.
local org, version = ARGV[2], tonumber(ARGV[3])
local former = redis.call('HGET', KEYS[2], org)
if former and #former >= 4 then
  if struct.unpack('<I4', former) >= version then return 0 end
  for at = 5, #former - 3, 4 do redis.call('HDEL', KEYS[3], (struct.unpack('<I4', former, at))) end
end
local packed, present = {struct.pack('<I4', version)}, {}
for i = 4, #ARGV, 2 do
  packed[#packed + 1], present[tonumber(ARGV[i])] = struct.pack('<I4', tonumber(ARGV[i])), true
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
for at = 5, former and #former - 3 or 0, 4 do
  local channel = struct.unpack('<I4', former, at)
  if not present[channel] then redis.call('HDEL', KEYS[4], channel) end
end
redis.call('HSET', KEYS[2], org, table.concat(packed))
return 1
