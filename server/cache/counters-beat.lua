-- A process says that it lives, which epoch it has posted its holdings for, and which roll of members it has seen.
-- KEYS epoch, members, roll   ARGV holder, epoch it posted for, roll it has seen, silent ms
-- Answers {epoch, server ms, roll, live members, members that posted for the epoch, least roll seen by others, holders that posted (comma list), 1 if this process just came on the roll}
local now = redis.call('TIME')
local ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
local epoch = redis.call('GET', KEYS[1]) or ''
local roll = tonumber(redis.call('GET', KEYS[3]) or '0')
local came = 0
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  roll = redis.call('INCR', KEYS[3])
  came = 1
end
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', ms) .. ' ' .. ARGV[3] .. ' ' .. ARGV[2])
local live, posted, least, names = 0, 0, -1, {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local at, seen, acknowledged = string.match(all[i + 1], '^(%d+) (%-?%d+) (.*)$')
  if ms - tonumber(at) > tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[2], all[i])
  else
    live = live + 1
    if epoch ~= '' and acknowledged == epoch then posted = posted + 1; names[#names + 1] = all[i] end
    if all[i] ~= ARGV[1] and (least < 0 or tonumber(seen) < least) then least = tonumber(seen) end
  end
end
return {epoch, string.format('%.0f', ms), roll, live, posted, least, table.concat(names, ','), came}
