#!lua flags=no-writes
-- resolve: finds the monitors behind ping keys that ingest does not know yet.
--
-- KEYS  generation config, then the bucket of each digest
-- ARGV  generation, digests
-- Returns  per digest: monitor id or false, packed config or false
-- Errors   GENERATION
-- Cost  O(digests)
--@include generation
local found = {}
for i = 2, #ARGV do
  local id = redis.call('HGET', KEYS[i + 1], ARGV[i])
  found[#found + 1] = id
  found[#found + 1] = id and redis.call('HGET', KEYS[2], id)
end
return found
