-- What follows runs only while a lock is held: the last key is the lock, the last argument says whose it has to be.
if redis.call('GET', table.remove(KEYS)) ~= table.remove(ARGV) then
  return redis.error_reply('INTERRUPTED the lock is not held any more')
end
