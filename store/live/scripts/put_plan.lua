#!lua flags=allow-oom
-- put_plan: carries the limits of an organisation's plan.
--
-- KEYS  generation plans
-- ARGV  generation, org id, version, min_interval_s, pings per minute (0: no limit)
-- Returns  1 applied, 0 ignored (this version or a later one was carried before)
-- Errors   GENERATION; nothing is written
-- Cost  O(1)
--@include generation
--@include plan_body
