/** How far the server's clock is ahead of this one, milliseconds. */
let ahead = 0

/** The server's time, by the last reply. */
export function serverNow() {
  return Date.now() + ahead
}

const send = window.fetch.bind(window)
let report = () => {}

/**
 * Reports every request that leaves the page, the SDK's own included.
 *
 * Call it before the SDK starts. The SDK wraps `fetch` again, so this wrapper sees what is sent.
 *
 * @param {(exchange: Exchange) => void} reportTo
 */
export function observeRequests(reportTo) {
  report = reportTo
  window.fetch = fetchAsIs
}

/** `fetch` without the SDK, which has no part in what is sent and answered. */
export async function fetchAsIs(resource, init) {
  const method = init?.method ?? resource.method ?? 'GET'
  const exchange = { method, path: new URL(resource.url ?? resource, location.href).pathname }
  try {
    const response = await send(resource, init)
    const serverTime = Number(response.headers.get('server-time'))
    if (serverTime > 0) ahead = serverTime - Date.now()
    const tokens = tokensIn(response, exchange.path)
    report({ ...exchange, status: response.status, tokens, message: messageOf(response.clone()) })
    return response
  } catch (error) {
    report({ ...exchange, status: 0, tokens: '', message: Promise.resolve('no answer') })
    throw error
  }
}

/** Describes what a reply does to the tokens. */
function tokensIn(response, path) {
  const frontToken = response.headers.get('front-token')
  if (frontToken === null) return ''
  if (frontToken === 'remove') return 'tokens cleared'
  const isPair = path.endsWith('/refresh') || path.endsWith('/sign-in')
  return isPair ? 'new access and refresh token' : 'new access token'
}

async function messageOf(response) {
  if (response.ok) return ''
  try {
    const { message, detail } = await response.json()
    return String(message ?? (Array.isArray(detail) ? 'not valid' : detail))
  } catch {
    return ''
  }
}

/**
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path
 * @property {number} status 0: no answer
 * @property {string} tokens
 * @property {Promise<string>} message
 */
