-- Claims a lease. KEYS: the lease, what is fetched under it. ARGV: token, milliseconds.
-- Returns {1, whether something is stored} when granted, {0, 0} when taken, {2, 0} when marked.
local held = redis.call('GET', KEYS[1])
if held and redis.call('PTTL', KEYS[1]) > 0 then -- one without an end is none of ours
  return {held == 'pass' and 2 or 0, 0}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, redis.call('EXISTS', KEYS[2])}
