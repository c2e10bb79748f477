-- Gives the right to fill an entry to one caller at a time (R2 to R5).
--
-- KEYS  1 record; 2 the entry's lease; 3.. the tags that the entry is expected to have
-- ARGV  1 nonce, 22 characters; 2 life of a lease, ms; 3 life of a tag that is made here, ms;
--       4 least life of the record, ms; 5 deadline of the call, µs by TIME (added by the connection)
-- Returns {1, incarnation, token}  the caller has the lease
--         {2, ms}                  another has it, for so long
--         {3, µs}                  a tag is held in the future: what is loaded before may not be stored
--
-- Why a script: the token must be later than every invalidation so far and earlier than every one to
-- come, so it is drawn and written back as the clock in one step with the lease.
-- Late execution is refused: it would leave a lease that nobody holds, and the key unfilled until its end.

if now > tonumber(ARGV[5]) then return redis.error_reply('LATE') end

make(ARGV[1], ARGV[4])

local newest = epoch
for i = 3, #KEYS do
  newest = math.max(newest, tag(KEYS[i], ARGV[3]))
end

local token = math.max(now, clock + 1) -- R2: later than all
if newest >= token then
  return {3, newest - token + 1}
end

-- A lease counts if its holder can still store, and if it has no more time left than a lease can have:
-- with more, the server's clock was stepped back, and nobody should wait for that (R5).
local lease = redis.call('GET', KEYS[2])
if lease then
  local left = redis.call('PTTL', KEYS[2])
  local life, held = string.match(lease, '^(%S+) (%d+) ')
  local good = life == incarnation and tonumber(held) > newest -- R5
  if good and left >= 0 and left <= tonumber(ARGV[2]) then
    return {2, left}
  end
end

clock = token -- R2: the clock
save(ARGV[4])
redis.call('SET', KEYS[2], incarnation .. ' ' .. digits(token) .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {1, incarnation, token}
