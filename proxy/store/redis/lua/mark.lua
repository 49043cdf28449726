-- Turns a lease that is still held into a mark. KEYS: the lease. ARGV: token, milliseconds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], 'pass', 'PX', ARGV[2])
return 1
