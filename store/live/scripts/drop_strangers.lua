#!lua flags=allow-oom
-- drop_strangers: forgets organisations and channels that the books do not have.
--
-- KEYS  generation orgs plans used channels manners disabled bursts failing newcomers
-- ARGV  generation, how many organisations, their ids, then the ids of channels
-- Returns  1
-- Errors   GENERATION; nothing is written
-- Cost  O(ids)
--@include generation
local OF_ORG, OF_CHANNEL = {KEYS[2], KEYS[3], KEYS[4]}, {KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]}
local last_org = 2 + tonumber(ARGV[2])
for i = 3, #ARGV do
  for _, key in ipairs(i <= last_org and OF_ORG or OF_CHANNEL) do redis.call('HDEL', key, ARGV[i]) end
  if i > last_org then redis.call('HDEL', KEYS[8], ARGV[i] .. ':u') end
end
return 1
