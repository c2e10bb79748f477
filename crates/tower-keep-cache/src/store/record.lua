-- The head of every script that reads or moves a partition's record: what they share, and no more.
-- KEYS[1] is the record: "incarnation epoch clock floor" (R1).
--
-- Numbers are µs below 2^53: a double holds them exactly, and %.0f prints all their digits.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local incarnation, epoch, clock, floor
local record = redis.call('GET', KEYS[1])
if record then
  incarnation, epoch, clock, floor = string.match(record, '^(%S+) (%d+) (%d+) (%d+)$')
  epoch, clock, floor = tonumber(epoch), tonumber(clock), tonumber(floor)
end

local function digits(number)
  return string.format('%.0f', number)
end

-- Writes the record, to last for `life` ms or for what it has left, whichever is longer.
local function save(life)
  local text = incarnation .. ' ' .. digits(epoch) .. ' ' .. digits(clock) .. ' ' .. digits(floor)
  redis.call('SET', KEYS[1], text, 'PX', math.max(redis.call('PTTL', KEYS[1]), life))
end

-- Makes a missing record. Whatever the lost one vouched for is void with it: clock, floor and epoch
-- start from nothing, and so nothing that was stored or leased before may count.
local function make(nonce, life)
  if incarnation then return end
  incarnation = string.sub(nonce, 1, 16) -- R1
  epoch, clock, floor = 0, 0, 0
  save(life)
end

-- Makes a key last for at least `life` ms from now.
local function extend(key, life)
  if redis.call('PTTL', key) < tonumber(life) then
    redis.call('PEXPIRE', key, life)
  end
end

-- The tag's latest invalidation. A missing tag may have been invalidated and evicted since, but by
-- nothing later than the floor: that is what it is made at.
local function tag(key, life)
  local value = tonumber(redis.call('GET', key) or '')
  if value then
    extend(key, life)
    return value
  end
  value = floor -- R4
  redis.call('SET', key, digits(value), 'PX', life)
  return value
end

