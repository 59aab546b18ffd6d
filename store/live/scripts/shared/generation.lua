-- Refuses to work on a Redis that does not hold the caller's installation (flushed, or the wrong server).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('GENERATION this Redis does not hold the installation that is asked for')
end
