#!lua flags=allow-oom
-- put_channels: carries all channels of an organisation; those that are missing from the list are gone.
--
-- KEYS  generation orgs channels disabled manners bursts failing newcomers
-- ARGV  generation, org id, version, then channel id, channel (opaque) and its manners in turn
-- Returns  1 applied, 0 ignored (this version or a later one was carried before)
-- Errors   GENERATION; nothing is written
-- Cost  O(channels)
--@include generation
--@include clock
local came = now_ms()
--@include channels
