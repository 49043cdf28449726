-- Ever new targets where a prefix is given, or as many as there are keys; pauses where there are to
-- be any; the outcome as one line of JSON. Without `request` wrk repeats one prepared request, which
-- keeps the load cheap.

function init(args)
   local told = {}
   for _, arg in ipairs(args) do
      local name, value = arg:match("^(%a+)=(.*)$")
      told[name] = value
   end
   if told.body ~= "" then
      wrk.method, wrk.body = "POST", told.body
   end
   if told.prefix then
      local count, keys = 0, tonumber(told.keys)
      function request()
         count = count + 1
         return wrk.format(nil, told.prefix .. (keys > 0 and count % keys or count))
      end
   end
   local every, begun = tonumber(told.every), 0
   if every > 0 then
      -- Begun at any moment of the first pause, the connections keep apart.
      function delay()
         begun = begun + 1
         return begun > tonumber(told.connections) and every or math.random(0, every)
      end
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, ' ..
      '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
