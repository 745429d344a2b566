-- Writes or removes the entry of one session if it has the expected version.
--
-- KEYS[1]: the entry.
-- ARGV[1]: the expected version, empty for no entry.
-- ARGV[2]: the new version.
-- ARGV[3]: the hold: 'free', 'same' or milliseconds. 'remove' removes the entry.
-- ARGV[4]: milliseconds after which the entry ends.
-- ARGV[5]: the keeper that writes.
-- ARGV[6]: the record.
-- ARGV[7]: the session.
-- ARGV[8] and all that follow: the channels of the keepers to be woken.
-- Returns 1 if it is written, 0 without an entry, and the entry as `read` does if
-- it has another version.

local value = redis.call('GET', KEYS[1])
local version, deadline, written, keeper, start
if value then
  version, deadline, written, keeper, start = string.match(value, '^(%x+) (%d+) (%d+) (%x+)\n()')
  if not version then
    return {}
  end
end

-- The server's time, as in `read`.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- What is there goes back in the same reply: the caller needs it to try again, and
-- a second read could find yet another state.
local function other()
  local left = -1
  if deadline ~= '0' then
    left = math.max(0, tonumber(deadline) - now)
  end
  return { version, left, math.max(0, now - tonumber(written)), keeper, string.sub(value, start) }
end

-- pcall: without permission for a channel the write is done all the same. In a
-- cluster a channel can live on another node, so the caller publishes there.
local function wake()
  for i = 8, #ARGV do
    redis.pcall('PUBLISH', ARGV[i], ARGV[7])
  end
  return 1
end

if ARGV[3] == 'remove' then
  -- An entry that is not there has been removed, perhaps by the first of two
  -- equal calls.
  if value then
    if version ~= ARGV[1] then
      return other()
    end
    redis.call('DEL', KEYS[1])
  end
  return wake()
end

if value then
  -- The same write has come twice. The processes are woken again: the first call may
  -- have ended before its messages were sent.
  if version == ARGV[2] then
    return wake()
  end
  if version ~= ARGV[1] then
    return other()
  end
elseif ARGV[1] ~= '' then
  return 0
end

-- The deadline counts from now. 'same' keeps the point in time that is there.
local hold = ARGV[3]
if hold == 'free' then
  deadline = '0'
elseif hold == 'same' then
  deadline = deadline or '0'
else
  deadline = string.format('%.0f', now + tonumber(hold))
end

-- One string, because a hash needs more memory. Every entry has an end, so that
-- nothing stays of processes that are gone.
local header = string.format('%s %s %.0f %s\n', ARGV[2], deadline, now, ARGV[5])
redis.call('SET', KEYS[1], header .. ARGV[6], 'PX', ARGV[4])
return wake()
