-- The purge log, and who follows it.
--
-- KEYS: the ledger (a hash), the log (a stream), the replicas (a hash), all in one cluster slot.
-- ARGV: publish, heartbeat or roll; an epoch to begin if need be; then what the verb says below.
-- The ledger holds epoch, begun (ms), sequence, nonce, replid, floor; `h:<tag>` = sequence of the
-- latest hard purge of a tag, `s:<tag>` = "sequence:ms" of the latest soft one; `patterns` = how
-- many there ever were, the latest of them in `p:<slot>` = "sequence:ms:mode:pattern"; `held` = how
-- many tags and patterns the log names, each time counted. All of it in one hash, so that it is lost
-- together or not at all.
-- A line of the replicas is "seen:window:applied:epoch:address", times in milliseconds.

local ledger, log, replicas = KEYS[1], KEYS[2], KEYS[3]
local verb, fresh = ARGV[1], ARGV[2]

local function number(value)
  return string.format('%.0f', value)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Who this server is as a primary: another one after a failover or a restart, either of which may
-- have lost what was acknowledged.
local function replid()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%w+)') or ''
end

-- Begin a new epoch: what was fetched before it counts for nothing any more. The replicas may
-- still serve until they hear of it, and their silence is counted by this server's clock.
local function begin()
  redis.call('UNLINK', ledger, log)
  redis.call('HSET', ledger, 'epoch', fresh, 'begun', number(now()), 'sequence', 0, 'nonce', '',
    'replid', replid(), 'floor', 0, 'patterns', 0, 'held', 0)
  local lines = redis.call('HGETALL', replicas)
  for i = 1, #lines, 2 do
    redis.call('HSET', replicas, lines[i],
      number(now()) .. (string.match(lines[i + 1], ':.*') or ''))
  end
end

-- Return epoch, sequence and nonce of a log that is whole as far as this server can tell.
local function standing()
  local known = redis.call('HMGET', ledger, 'epoch', 'replid')
  if not known[1] or known[2] ~= replid() then
    begin()
  end
  return redis.call('HMGET', ledger, 'epoch', 'sequence', 'nonce')
end

-- Split "3:abc2:de" into its parts.
local function parts(text)
  local found, from = {}, 1
  while from <= #text do
    local colon = string.find(text, ':', from, true)
    local last = colon + tonumber(string.sub(text, from, colon - 1))
    found[#found + 1] = string.sub(text, colon + 1, last)
    from = last + 1
  end
  return found
end

-- What is older than the floor is not known completely any more.
local function raise(sequence)
  if tonumber(redis.call('HGET', ledger, 'floor')) < tonumber(sequence) then
    redis.call('HSET', ledger, 'floor', sequence)
  end
end

-- Take a record off the log, and out of the ledger what no later one has said again.
local function forget(record)
  local sequence, fields = string.match(record[1], '^%d+'), {}
  for i = 1, #record[2], 2 do
    fields[record[2][i]] = record[2][i + 1]
  end
  local prefix = fields.mode == 'hard' and 'h:' or 's:'
  local tags, patterns = parts(fields.tags or ''), parts(fields.patterns or '')
  for _, tag in ipairs(tags) do
    local latest = redis.call('HGET', ledger, prefix .. tag)
    if latest and string.match(latest, '^%d+') == sequence then
      redis.call('HDEL', ledger, prefix .. tag)
    end
  end
  redis.call('XDEL', log, record[1])
  redis.call('HINCRBY', ledger, 'held', -#tags - #patterns)
  raise(sequence)
end

-- Whether more is kept than may be. The same tags purged again and again are one field each in the
-- ledger, and grow the log all the same.
local function outgrown(limit)
  return redis.call('HLEN', ledger) > limit or redis.call('XLEN', log) > limit
    or tonumber(redis.call('HGET', ledger, 'held')) > limit
end

-- Make room, oldest first. Tags that no record names can only go all at once.
local function trim(limit)
  while outgrown(limit) do
    local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    if not oldest then
      return begin()
    end
    forget(oldest)
  end
end

local function note_tag(tag, mode, sequence, at)
  if mode == 'hard' then
    redis.call('HSET', ledger, 'h:' .. tag, sequence)
  else
    redis.call('HSET', ledger, 's:' .. tag, sequence .. ':' .. at)
  end
end

local function note_pattern(pattern, mode, sequence, at, slots)
  local slot = 'p:' .. (redis.call('HINCRBY', ledger, 'patterns', 1) - 1) % slots
  local displaced = redis.call('HGET', ledger, slot)
  if displaced then
    raise(string.match(displaced, '^%d+'))
  end
  redis.call('HSET', ledger, slot, table.concat({sequence, at, mode, pattern}, ':'))
end

-- Append a purge; the work grows with what it names, never with what is stored.
-- ARGV: nonce, mode, tags, patterns, limit of tags, of records and of what they name, slots for
-- patterns.
-- Returns epoch and sequence.
local function publish(nonce, mode, tags, patterns, limit, slots)
  local named, shapes = parts(tags), parts(patterns)
  local known = standing()
  local latest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if latest and tonumber(string.match(latest[1], '^%d+')) > tonumber(known[2]) then
    begin()
  end
  trim(tonumber(limit))
  known = redis.call('HMGET', ledger, 'epoch', 'sequence', 'nonce')
  local sequence, at = number(known[2] + 1), number(now())
  redis.call('HSET', ledger, 'sequence', sequence, 'nonce', nonce)
  for _, tag in ipairs(named) do
    note_tag(tag, mode, sequence, at)
  end
  for _, pattern in ipairs(shapes) do
    note_pattern(pattern, mode, sequence, at, tonumber(slots))
  end
  redis.call('XADD', log, sequence .. '-1', 'nonce', nonce, 'prior', known[3], 'mode', mode,
    'at', at, 'tags', tags, 'patterns', patterns)
  redis.call('HINCRBY', ledger, 'held', #named + #shapes)
  return {known[1], sequence}
end

-- Epoch, sequence, nonce, since when, milliseconds, number of replicas, patterns, lines.
local function told(patterns, lines)
  local known = redis.call('HMGET', ledger, 'epoch', 'sequence', 'nonce', 'begun')
  known[5], known[6] = number(now()), redis.call('HLEN', replicas)
  known[7], known[8] = patterns, lines
  return known
end

local function prune(at)
  local lines = redis.call('HGETALL', replicas)
  for i = 1, #lines, 2 do
    local seen, silence = string.match(lines[i + 1], '^(%d+):(%d+):')
    if not seen or at - seen > tonumber(silence) then
      redis.call('HDEL', replicas, lines[i])
    end
  end
end

-- Say how far a replica is, and learn how far the log is. It always writes in the end, so that a
-- server which is no primary any more refuses it.
-- ARGV: the replica's name; window, the milliseconds of silence after which it serves nothing that
-- it holds; its epoch, applied and address; the epoch that it has found to be broken, or nothing;
-- slots for patterns, 0 if they are not wanted; whether the lines of all are wanted; whether it
-- brings lines; and those, each a name and a line without `seen`.
-- Returns what `told` does; nothing if the replica's line is gone and it brought none.
local function heartbeat(me, window, epoch, applied, address, broken, slots, wanted, brings, ...)
  if standing()[1] == broken then
    begin()
  end
  if brings == '0' and redis.call('HEXISTS', replicas, me) == 0 then
    return false
  end
  local at, brought = now(), {...}
  for i = 1, #brought, 2 do
    redis.call('HSETNX', replicas, brought[i], number(at) .. ':' .. brought[i + 1])
  end
  redis.call('HSET', replicas, me, table.concat({number(at), window, applied, epoch, address}, ':'))
  if redis.call('PTTL', replicas) < tonumber(window) then
    redis.call('PEXPIRE', replicas, number(window * 2))
  end
  local patterns, lines = {}, {}
  for i = 1, tonumber(slots) do
    patterns[i] = redis.call('HGET', ledger, 'p:' .. (i - 1))
  end
  if wanted == '1' then
    prune(at)
    lines = redis.call('HGETALL', replicas)
  end
  return told(patterns, lines)
end

-- Read who follows. Returns what `told` does.
local function roll()
  return told({}, redis.call('HGETALL', replicas))
end

local verbs = {publish = publish, heartbeat = heartbeat, roll = roll}
return verbs[verb](unpack(ARGV, 3))
