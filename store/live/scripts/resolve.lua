#!lua flags=no-writes
-- resolve: finds the monitors behind ping keys that ingest does not know yet.
--
-- KEYS  generation config, then the bucket of each digest
-- ARGV  generation, digests
-- Returns  per digest: monitor id or false, packed config or false
-- Errors   GENERATION
-- Cost  O(digests): a read of a small bucket for each, one vector read of configurations
--@include generation
local found, ids, places = {}, {}, {}
for i = 2, #ARGV do
  local id = redis.call('HGET', KEYS[i + 1], ARGV[i])
  found[#found + 1] = id
  found[#found + 1] = false
  if id then
    ids[#ids + 1] = id
    places[#places + 1] = #found
  end
end
if #ids > 0 then
  local configs = redis.call('HMGET', KEYS[2], unpack(ids))
  for i = 1, #ids do found[places[i]] = configs[i] end
end
return found
