import { onClick } from './actions.js'
import { readFrontToken } from './sdk.js'
import { loadSessions } from './sessions.js'
import { addNote } from './timeline.js'
import { fetchAsIs, serverNow } from './wire.js'

const CELLS = ['bound-call', 'copied-call', 'bound-refresh', 'copied-refresh']

onClick('#copy', async () => {
  forgetBound()
  const owner = await newKey()
  const tokens = await signIn(owner)
  const thief = await newKey()
  addNote('The thief has copied both tokens, and takes a key of his own')
  await tryAt('copied-call', thief, 'GET', '/api/bound', tokens.access)
  await tryAt('copied-refresh', thief, 'POST', '/auth/session/refresh', tokens.refresh)
  await tryAt('bound-call', owner, 'GET', '/api/bound', tokens.access)
  await tryAt('bound-refresh', owner, 'POST', '/auth/session/refresh', tokens.refresh)
  await loadSessions()
})

/** Empties the table. */
export function forgetBound() {
  for (const id of CELLS) {
    const cell = document.getElementById(id)
    cell.textContent = ''
    delete cell.dataset.good
  }
}

/** Not extractable: nobody can copy the private key out of the browser. */
function newKey() {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
}

/** A session of its own, beside that of the SDK. */
async function signIn(key) {
  const body = JSON.stringify({ userName: readFrontToken().uid })
  const { headers } = await send(key, 'POST', '/api/sign-in', { body })
  return { access: headers.get('st-access-token'), refresh: headers.get('st-refresh-token') }
}

async function tryAt(id, key, method, path, token) {
  const { ok, status } = await send(key, method, path, { token })
  const cell = document.getElementById(id)
  cell.dataset.good = String(ok)
  cell.textContent = String(status)
}

async function send(key, method, path, { token, body }) {
  return fetchAsIs(path, {
    method,
    credentials: 'omit',
    headers: {
      'st-auth-mode': 'header',
      dpop: await proofOf(key, method, path, token),
      ...(token && { authorization: `DPoP ${token}` }),
      ...(body && { 'content-type': 'application/json' })
    },
    ...(body && { body })
  })
}

/** Shows for one request that its sender has the key (RFC 9449 section 4.2). */
async function proofOf({ privateKey, publicKey }, method, path, token) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }
  const claims = {
    jti: crypto.randomUUID(),
    htm: method,
    htu: location.origin + path,
    iat: Math.floor(serverNow() / 1000),
    ...(token && { ath: base64url(await crypto.subtle.digest('SHA-256', bytesOf(token))) })
  }
  const text = [header, claims].map((part) => base64url(bytesOf(JSON.stringify(part)))).join('.')
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const signature = await crypto.subtle.sign(algorithm, privateKey, bytesOf(text))
  return `${text}.${base64url(signature)}`
}

function bytesOf(text) {
  return new TextEncoder().encode(text)
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
