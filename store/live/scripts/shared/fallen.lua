-- Whether a stream is behind its reader: Redis came back without its last moments, and by a clock that is behind gave ids that
-- are not above those that the reader has seen. What is removed goes from the front, so while there is anything up to the
-- reader's entry, that entry is there.
local function has_fallen_behind(stream_key, entry)
  local found = redis.call('XREVRANGE', stream_key, entry, '-', 'COUNT', 1)
  return found[1] and found[1][1] ~= entry
end
