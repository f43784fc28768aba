// Does what requests.lua does, where wrk is not installed: node autocannon.js URL SECONDS FILE FIRST
import { readFile } from 'node:fs/promises'
import autocannon from 'autocannon'

const [url, seconds, file, first] = process.argv.slice(2)
const requests = (await readFile(file, 'latin1')).split('\r\n\r\n').slice(0, -1).map(headersOf)
let index = Number(first)

const result = await autocannon({
  url,
  duration: Number(seconds),
  connections: 64,
  requests: [
    {
      method: 'GET',
      path: '/me',
      setupRequest: (request) => ({ ...request, headers: requests[index++ % requests.length] })
    }
  ]
})
console.log(
  JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    refused: result['4xx'] + result['5xx'],
    failed: result.errors
  })
)

function headersOf(text) {
  const lines = text.split('\r\n').slice(1)
  return Object.fromEntries(lines.map((line) => line.split(/: (.*)/s).slice(0, 2)))
}
