-- Sends the requests of a file, as they go over the wire, one after the other, and then again.
-- wrk ... -s requests.lua URL -- FILE FIRST
local requests, count, index = {}, 0, 0

function init(args)
  local file = io.open(args[1], 'rb')
  local content = file:read('*a')
  file:close()
  local start = 1
  while start <= #content do
    local _, last = content:find('\r\n\r\n', start, true)
    count = count + 1
    requests[count] = content:sub(start, last)
    start = last + 1
  end
  index = tonumber(args[2]) % count
end

function request()
  index = index + 1
  if index > count then index = 1 end
  return requests[index]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, errors.status, failed
  ))
end
