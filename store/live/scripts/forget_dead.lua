#!lua flags=allow-oom
-- forget_dead: drops dead letters that are older than the history is kept.
--
-- KEYS  generation dead died buried letters tallies
-- ARGV  generation, age in ms, at most how many
-- Returns  how many were dropped
-- Errors   GENERATION; nothing is written
-- Cost  O(dropped)
--@include clock
--@include generation
--@include lines
--@include letters
--@include dead
local YARD = {dead = KEYS[2], died = KEYS[3], buried = KEYS[4]}
local TOO_OLD = 'dropped, because it is older than the history is kept'
local now = now_ms()
local old = redis.call('ZRANGEBYSCORE', YARD.died, '-inf', now - tonumber(ARGV[2]), 'LIMIT', 0, tonumber(ARGV[3]))
for i = 1, #old do
  exhume(YARD, old[i])
  note_moved(old[i], 0, DROPPED, 0, 0, 0, TOO_OLD)
end
if #old > 0 then redis.call('HINCRBY', KEYS[6], 'dead_dropped', #old) end
write_letters(KEYS[5], KEYS[6], now, '')
return #old
