-- Add the store's share to a cold counter and open it.
-- KEYS epoch, counter   ARGV epoch, ttl ms, units in the store, then pairs: holder, number of its last batch among those units
-- Answers 1: open (now or before); 0: a batch passed to the store after it was read, read again; -1: another epoch.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'total', 0, 'cold', 1)
end
if redis.call('HEXISTS', KEYS[2], 'cold') == 0 then return 1 end
local stored = {}
for i = 4, #ARGV, 2 do stored[ARGV[i]] = tonumber(ARGV[i + 1]) end
local passed = {}
for _, key in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(key, 1, 7) == 'passed:' then
    if tonumber(redis.call('HGET', KEYS[2], key)) > (stored[string.sub(key, 8)] or -1) then return 0 end
    passed[#passed + 1] = key
  end
end
for holder, number in pairs(stored) do redis.call('HSET', KEYS[2], 'stored:' .. holder, number) end
for _, key in ipairs(passed) do redis.call('HDEL', KEYS[2], key) end
redis.call('HDEL', KEYS[2], 'cold')
redis.call('HINCRBY', KEYS[2], 'total', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
