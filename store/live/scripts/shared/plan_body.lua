-- The body of put_plan and restore_plan.
local former = redis.call('HGET', KEYS[2], ARGV[2])
if former and #former == 12 and struct.unpack('<I4', former) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], struct.pack('<I4I4I4', tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])))
return 1
