-- Finds out whether the server takes writes, and what its clock says.
--
-- KEYS[1]  the probe key
-- ARGV[1]  its time to live, milliseconds
-- Returns  {seconds, microseconds}: the server's TIME
--
-- Why a script: it is what the layers write with. A server out of memory refuses a write in a script like any other,
-- and one round trip tells both things.
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return redis.call('TIME')
