#!lua flags=no-writes
-- list_writers: says who is registered, and up to when each has heard.
--
-- KEYS  generation writers
-- ARGV  generation
-- Returns  {now_ms, slot, watermark_ms or -1 (its record cannot be read), and so on}
-- Errors   GENERATION
-- Cost  O(writers)
--@include clock
--@include generation
--@include writers
local found = {now_ms()}
local writers = redis.call('HGETALL', KEYS[2])
for i = 1, #writers, 2 do
  found[#found + 1] = writers[i]
  found[#found + 1] = read_writer(writers[i + 1]) or -1
end
return found
