-- Replace an entry by itself with more codings, if it still lies there; its life goes on.
-- KEYS: where it lies. ARGV: first and last byte of its id, the id, the new value.
if redis.call('GETRANGE', KEYS[1], ARGV[1], ARGV[2]) ~= ARGV[3] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[4], 'KEEPTTL')
return 1
