#!lua
-- restore_plan: puts the limits of an organisation's plan back after Redis was emptied.
--
-- KEYS  generation plans
-- ARGV  generation, org id, version, min_interval_s, pings per minute (0: no limit)
-- Returns  1 applied, 0 ignored (this version or a later one was carried before)
-- Errors   none of its own
-- Cost  O(1). The generation is not checked: it is set last, when the rebuilding is complete.
--@include plan_body
