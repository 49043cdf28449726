-- Ever new targets where a prefix is given, and the outcome as one line of JSON.
-- Without `request` wrk repeats one prepared request, which keeps the load cheap.

function init(args)
   if args[1] then
      local count = 0
      function request()
         count = count + 1
         return wrk.format(nil, args[1] .. count)
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
