-- Writes or removes the entry of one session if it has the expected version.
--
-- KEYS[1]: the entry.
-- ARGV[1]: the expected version, empty for no entry.
-- ARGV[2]: the new entry, empty to remove it. The hold in it can be 'same'.
-- ARGV[3]: milliseconds after which the entry ends.
-- ARGV[4]: the session.
-- ARGV[5] and all that follow: the channels of the keepers to be woken.
-- Returns 1 if it is written, 0 without an entry, and the entry as `read` does if
-- it has another version.

local key, expected, entry = KEYS[1], ARGV[1], ARGV[2]

-- pcall: without permission for a channel the write is done all the same. In a
-- cluster a channel can live on another node, so the caller publishes there.
local function wake()
  for i = 5, #ARGV do
    redis.pcall('PUBLISH', ARGV[i], ARGV[4])
  end
  return 1
end

-- An entry opens with its version, 16 digits. The rest of it is not needed where the
-- version is the expected one.
local version = redis.call('GETRANGE', key, 0, 15)
if version ~= expected then
  if version == '' then
    -- An entry that is not there has been removed, perhaps by the first of two
    -- equal calls.
    return entry == '' and wake() or 0
  end
  -- The same write has come twice. The processes are woken again: the first call may
  -- have ended before its messages were sent.
  if version == string.sub(entry, 1, 16) then
    return wake()
  end
  -- What is there goes back in the same reply: the caller needs it to try again, and
  -- a second read could find yet another state.
  return { redis.call('GET', key), redis.call('PTTL', key) }
end

if entry == '' then
  redis.call('DEL', key)
  return wake()
end

-- 'same' keeps the point in time at which the hold that is there ends. The clock of a
-- server can be set back, so no duration is below 0.
if string.sub(entry, 18, 22) == 'same ' then
  local hold, ttl = string.match(redis.call('GETRANGE', key, 17, 58), '^(%d+) (%d+) ')
  local left = '-'
  if hold then
    local idle = math.max(0, ttl - redis.call('PTTL', key))
    left = string.format('%.0f', math.max(0, hold - idle))
  end
  entry = string.sub(entry, 1, 17) .. left .. string.sub(entry, 22)
end

-- One string, because a hash needs more memory. Every entry has an end, so that
-- nothing stays of processes that are gone.
redis.call('SET', key, entry, 'PX', ARGV[3])
return wake()
