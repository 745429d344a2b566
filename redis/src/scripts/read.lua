-- Reads the entry of one session.
--
-- KEYS[1]: the entry.
-- Returns nil without an entry, and else {entry, milliseconds until it ends}. A script
-- is one moment, also for the end of keys.

local entry = redis.call('GET', KEYS[1])
if not entry then
  return nil
end
return { entry, redis.call('PTTL', KEYS[1]) }
