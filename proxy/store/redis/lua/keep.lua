-- Keeps values while a lease is held, and ends the lease. KEYS: the lease, where the values go,
-- what has to go. ARGV: token, number of values, then for each the value and its milliseconds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local values = tonumber(ARGV[2])
for i = 1, values do
  redis.call('SET', KEYS[1 + i], ARGV[1 + 2 * i], 'PX', ARGV[2 + 2 * i])
end
for i = values + 2, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
redis.call('UNLINK', KEYS[1])
return 1
