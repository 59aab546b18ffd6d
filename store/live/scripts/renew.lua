#!lua flags=allow-oom
-- renew: prolongs the leases of attempts that are still under way.
--
-- KEYS  generation deliveries due
-- ARGV  generation, lease_ms, then delivery id and turn, one after the other
-- Returns  how many were still ours
-- Errors   GENERATION
-- Cost  O(deliveries)
--@include clock
--@include generation
--@include lines
local renewed, until_ms = 0, now_ms() + tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local turn = read_delivery(redis.call('HGET', KEYS[2], ARGV[i]))
  if turn == tonumber(ARGV[i + 1]) then
    -- GT: a lease that is longer than this one stays so.
    redis.call('ZADD', KEYS[3], 'XX', 'GT', until_ms, ARGV[i])
    renewed = renewed + 1
  end
end
return renewed
