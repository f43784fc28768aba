const MAX_ENTRIES = 100
const list = document.querySelector('#log')

const EVENTS = {
  SESSION_CREATED: 'the SDK has a session',
  REFRESH_SESSION: 'the SDK has refreshed',
  ACCESS_TOKEN_PAYLOAD_UPDATED: 'the access token has another payload',
  API_INVALID_CLAIM: 'a claim check failed',
  UNAUTHORISED: 'there is no session',
  SIGN_OUT: 'signed out'
}

document.querySelector('#clear').addEventListener('click', () => list.replaceChildren())

/** @param {import('./wire.js').Exchange} exchange */
export function addRequest({ method, path, status, tokens, message }) {
  const note = element('span', 'note', tokens)
  const entry = add('request', [
    element('span', 'chip', status === 0 ? '!' : String(status)),
    element('span', 'what', `${method.toUpperCase()} ${shorten(path)}`),
    note
  ])
  entry.dataset.status = status === 0 ? 'failed' : `${Math.floor(status / 100)}xx`
  message.then((text) => {
    note.textContent = [text, tokens].filter(Boolean).join(', ')
  })
}

/** An event of the SDK. */
export function addEvent(action) {
  add('event', [
    element('span', 'chip', 'SDK'),
    eventName(action),
    element('span', 'note', EVENTS[action] ?? '')
  ])
}

/** A note of the page itself. */
export function addNote(text) {
  add('note', [element('span', 'chip', '\u2022'), element('span', 'what', text)])
}

function add(kind, children) {
  const time = element('time', 'time', new Date().toLocaleTimeString('en-GB'))
  const entry = element('li')
  entry.dataset.kind = kind
  entry.append(time, ...children)
  list.prepend(entry)
  while (list.children.length > MAX_ENTRIES) list.lastChild.remove()
  return entry
}

/** Lets the browser break the name after an underscore only. */
function eventName(action) {
  const name = element('span', 'what')
  for (const part of action.split(/(?<=_)/)) name.append(part, document.createElement('wbr'))
  return name
}

/** Shortens the handle of a session to its last characters. */
function shorten(path) {
  return path.replace(/[0-9a-f]{8}-[0-9a-f-]{19}([0-9a-f]{8})/, '\u2026$1')
}

function element(name, className = '', text = '') {
  const made = document.createElement(name)
  made.className = className
  made.textContent = text
  return made
}
