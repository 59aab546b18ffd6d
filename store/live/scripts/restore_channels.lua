#!lua
-- restore_channels: puts the channels of an organisation back after Redis was emptied.
--
-- KEYS  generation orgs channels disabled manners bursts failing newcomers
-- ARGV  generation, org id, version, then channel id, channel (opaque) and its manners in turn
-- Returns  1 applied, 0 ignored (this version or a later one was carried before)
-- Errors   none of its own
-- Cost  O(channels). The generation is not checked: it is set last, when the rebuilding is complete.
local came = nil
--@include channels
