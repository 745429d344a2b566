-- Reads the entry of one session.
--
-- KEYS[1]: the entry.
-- Returns nil without an entry, an empty array for one that is damaged, and else
-- {version, milliseconds left to the deadline or -1, milliseconds since the write,
-- keeper, record}.

local value = redis.call('GET', KEYS[1])
if not value then
  return nil
end

-- The header is text up to the first line break. The record behind it can have
-- any bytes, so nothing is matched in it.
local version, deadline, written, keeper, start =
  string.match(value, '^(%x+) (%d+) (%d+) (%x+)\n()')
if not version then
  return {}
end

-- Times are the server's. A caller gets durations only, so that no clock of a
-- process matters. A script is one moment, also for the end of keys.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- 0 is no deadline. One that has passed has 0 milliseconds left. The clock of a
-- server can be set back, so no duration is below 0.
local left = -1
if deadline ~= '0' then
  left = math.max(0, tonumber(deadline) - now)
end
return { version, left, math.max(0, now - tonumber(written)), keeper, string.sub(value, start) }
