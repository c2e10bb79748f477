-- Stores what a fill has loaded, if nothing has overtaken it (R3, R4): an entry, or a new head for the body that is
-- there, which the handler has said is still good (R10).
--
-- KEYS  1 record; 2 the lease of the fill; 3 the entry; 4.. all its tags; with 9, at last the entry's page
-- ARGV  1 incarnation, 2 token and 3 nonce of the lease; 4 the entry; 5 its life, ms;
--       6 least life of its tags, ms, longer than 5; 7 least life of the record, ms, longer than 6;
--       8 if 4 is a head: which storing of the entry the handler was asked about, bytes 13 to 36 of it, else empty;
--       9 if the entry is one variant of a page: what the page varies on, to be kept as long as any of them
-- Returns 1 stored, or why not: 2 the lease is gone or another's, 3 the record was lost,
--         4 the token is later than every clock, 5 a tag or everything was invalidated,
--         6 the entry that was to get a new head is gone, or another one
--
-- Why a script: lease, tags and record are compared and the entry is written in one step; an invalidation
-- between the two would be lost on this entry.
-- Late execution is harmless: by then the lease is another's or gone, or still says that the value is good.
-- It is never sent twice: the first one spends the lease, so the second one's answer would say nothing.

local mine = redis.call('GET', KEYS[2]) == ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] -- R3
if mine then
  redis.call('DEL', KEYS[2])
end

if not incarnation then return 3 end

-- Also when refused: the next fill then finds its tags, and is not refused for one that is new.
local newest = epoch
local tags_end = ARGV[9] and #KEYS - 1 or #KEYS
for i = 4, tags_end do
  newest = math.max(newest, tag(KEYS[i], ARGV[6]))
end

local token = tonumber(ARGV[2])
if not mine then return 2 end
if incarnation ~= ARGV[1] then return 3 end
if token > math.max(now, clock) then return 4 end
if newest >= token then return 5 end

local body = ''
if ARGV[8] ~= '' then
  local old = redis.call('GET', KEYS[3]) or ''
  if string.sub(old, 13, 36) ~= ARGV[8] then return 6 end -- R10
  body = string.sub(old, struct.unpack('<I4', old, 9) + 1)
end

redis.call('SET', KEYS[3], ARGV[4] .. body, 'PX', ARGV[5])
if ARGV[9] then
  local life = math.max(tonumber(ARGV[5]), redis.call('PTTL', KEYS[#KEYS]))
  redis.call('SET', KEYS[#KEYS], ARGV[9], 'PX', life)
end
extend(KEYS[1], ARGV[7])
return 1
