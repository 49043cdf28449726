-- By turns what the cache keeps and what the upstream is asked for each time.
local count = 0

function request()
   count = count + 1
   local face = count % 2 == 0 and "steady" or "private"
   return wrk.format(nil, "/" .. face .. "/" .. 100 + count % 64)
end
