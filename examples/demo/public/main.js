import { act, afterEachAction, isActing, onClick, showAnswer } from './actions.js'
import { call } from './api.js'
import { announce, clearBanner } from './banner.js'
import { forgetBound } from './bound.js'
import { drawRing } from './rings.js'
import { doesSessionExist, readFrontToken, signOut, startSdk, transferMethod } from './sdk.js'
import { forgetSessions, loadSessions, sessionLife } from './sessions.js'
import { resetThief } from './thief.js'
import { addEvent, addNote, addRequest } from './timeline.js'
import { observeRequests, serverNow } from './wire.js'

const TICK_MS = 250
const REPEAT_MS = 5000
/** The claims of the protocol. All others are the app's. */
const PROTOCOL_CLAIMS = new Set([
  'sub',
  'rsub',
  'tId',
  'iat',
  'exp',
  'sessionHandle',
  'refreshTokenHash1',
  'parentRefreshTokenHash1',
  'antiCsrfToken'
])

const $ = (selector) => document.querySelector(selector)

/** What the page shows now. It is drawn again only when this changes. */
const shown = { handle: undefined, payload: '', isExpired: undefined }
/** Whether tokens have changed since the list of sessions was loaded. */
let isListStale = true

observeRequests(addRequest)
startSdk(transferMethod(), onSdkEvent)
$(`input[name=transfer][value=${transferMethod()}]`).checked = true
bindControls()
afterEachAction(catchUp)
if (!(await doesSessionExist()))
  addNote('There is no session yet: the SDK has asked, and was answered with 401')
setInterval(tick, TICK_MS)
await catchUp()

function bindControls() {
  const form = $('#sign-in')
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    await act(form.querySelector('button'), signIn)
  })
  onClick('#sign-out', signOut)
  onClick('#call', async () => showAnswer('#call-answer', await call('GET', '/api/hello')))
  onClick('#admin', openAdminPage)
  onClick('#role', switchRole)
  let timer
  $('#repeat').addEventListener('change', ({ target }) => {
    clearInterval(timer)
    if (target.checked) timer = setInterval(() => $('#call').click(), REPEAT_MS)
  })
}

function onSdkEvent({ action, sessionExpiredOrRevoked }) {
  addEvent(action)
  if (action === 'REFRESH_SESSION' || action === 'SESSION_CREATED') isListStale = true
  if (action === 'SIGN_OUT') announce('You are signed out.')
  // On a first visit there is no session that could be over.
  if (action === 'UNAUTHORISED' && sessionExpiredOrRevoked)
    announce('Your session is over: it was revoked, or not refreshed in time.')
}

async function signIn() {
  const { userName, transfer } = Object.fromEntries(new FormData($('#sign-in')))
  startSdk(transfer, onSdkEvent)
  const { ok, status } = await call('POST', '/api/sign-in', { userName })
  $('#user-name').setAttribute('aria-invalid', String(!ok))
  const error = $('#user-name-error')
  error.hidden = ok
  if (ok) return
  error.textContent =
    status === 422
      ? 'Please take 1 to 30 letters and digits; spaces, dots and hyphens may follow the first.'
      : 'The server cannot sign you in now.'
  $('#user-name').focus()
}

async function openAdminPage() {
  const reply = await call('GET', '/api/admin')
  showAnswer('#claim-answer', reply)
  const { claimValidationErrors } = reply.body
  $('#claim-errors').hidden = claimValidationErrors === undefined
  $('#claim-errors').textContent = JSON.stringify({ claimValidationErrors }, null, 1).replace(
    /\n */g,
    ' '
  )
}

async function switchRole() {
  const role = readFrontToken()?.up.role === 'admin' ? 'reader' : 'admin'
  showAnswer('#claim-answer', await call('POST', '/api/role', { role }))
  $('#claim-errors').hidden = true
}

/** Runs several times a second: time passes, and other tabs sign in and out. */
async function tick() {
  if (isActing()) draw()
  else await catchUp()
}

/** Shows the result of an action. */
async function catchUp() {
  draw()
  if (readFrontToken() === null || !isListStale) return
  isListStale = false
  await loadSessions()
  draw()
}

/** Draws what the SDK knows. Another tab may have changed it. */
function draw() {
  const token = readFrontToken()
  const handle = token?.up.sessionHandle ?? null
  if (handle !== shown.handle) switchTo(token, handle)
  if (token === null) return
  drawPayload(token.up)
  const now = serverNow()
  drawRing('access', { leftMs: token.ate - now, wholeMs: token.ate - token.up.iat * 1000 })
  drawRing('session', sessionLife(now))
  drawExpiry(token.ate <= now)
}

/** Another session, or none. */
function switchTo(token, handle) {
  const wasSignedIn = Boolean(shown.handle)
  Object.assign(shown, { handle, payload: '', isExpired: undefined })
  $('#signed-in').hidden = token === null
  $('#signed-out').hidden = token !== null
  $('#status').textContent = token === null ? 'Signed out' : 'Signed in'
  $('#status').dataset.state = token === null ? 'out' : 'in'
  startOver()
  if (token === null) {
    // The focused element has disappeared with the session. On a first visit there was none.
    if (wasSignedIn) $('#user-name').focus({ preventScroll: true })
    window.scrollTo({ top: 0 })
    return
  }
  clearBanner()
  $('#user').textContent = token.uid
  $('#avatar').textContent = token.uid.slice(0, 1).toUpperCase()
  $('#transfer').textContent = transferMethod() === 'cookie' ? 'cookies' : 'headers'
  // It begins with the time, so that its end tells sessions apart.
  $('#handle').textContent = handle.slice(-8)
  $('#handle').title = handle
}

/** Removes everything of the last session from the page. */
function startOver() {
  isListStale = true
  forgetSessions()
  resetThief()
  forgetBound()
  for (const line of document.querySelectorAll('.answer')) line.textContent = ''
  $('#claim-errors').hidden = true
  $('#repeat').checked = false
  $('#repeat').dispatchEvent(new Event('change'))
}

function drawPayload(payload) {
  const text = JSON.stringify(payload, null, 2)
  if (text === shown.payload) return
  shown.payload = text
  $('#payload').textContent = text
  const claims = Object.entries(payload).filter(([name]) => !PROTOCOL_CLAIMS.has(name))
  $('#claims').replaceChildren(...claims.map(renderClaim))
  $('#role').textContent = payload.role === 'admin' ? 'Become a reader' : 'Become an administrator'
}

function renderClaim([name, value]) {
  const term = document.createElement('dt')
  term.textContent = name
  const description = document.createElement('dd')
  description.textContent = typeof value === 'string' ? value : JSON.stringify(value)
  const group = document.createElement('div')
  group.append(term, description)
  return group
}

function drawExpiry(isExpired) {
  if (isExpired === shown.isExpired) return
  shown.isExpired = isExpired
  $('#access-hint').textContent = isExpired
    ? 'The next call makes the SDK refresh.'
    : 'Checked by its signature, without asking the store.'
  if (isExpired) addNote('The access token has expired')
}
