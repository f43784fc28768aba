import { act, onClick } from './actions.js'
import { call } from './api.js'
import { addNote } from './timeline.js'

const list = document.querySelector('#sessions')
const item = document.querySelector('#session-item')
const life = { endsAt: 0, wholeMs: 1 }

onClick('#phone', async () => {
  await call('POST', '/api/sessions')
  await loadSessions()
})

/** Reads the user's sessions and shows them. */
export async function loadSessions() {
  const { ok, body } = await call('GET', '/api/sessions')
  if (!ok) return
  life.wholeMs = body.sessionSeconds * 1000
  life.endsAt = body.sessions.find((session) => session.isThisOne)?.endsAt ?? 0
  list.replaceChildren(...body.sessions.map(render))
}

export function forgetSessions() {
  list.replaceChildren()
  life.endsAt = 0
}

/** The remaining time of this session; `null` while it is not known. */
export function sessionLife(nowMs) {
  return life.endsAt === 0 ? null : { leftMs: life.endsAt - nowMs, wholeMs: life.wholeMs }
}

function render({ handle, device, createdAt, endsAt, isThisOne }) {
  const element = item.content.cloneNode(true).firstElementChild
  element.dataset.handle = handle
  element.querySelector('.device').textContent = device
  element.querySelector('.badge').hidden = !isThisOne
  element.querySelector('.handle').textContent = handle.slice(-8)
  element.querySelector('.times').textContent =
    `since ${timeOf(createdAt)}, ends ${timeOf(endsAt)} unless refreshed`
  const button = element.querySelector('.revoke')
  button.setAttribute('aria-label', `Revoke the session ${handle.slice(-8)} (${device})`)
  button.addEventListener('click', () => act(button, () => revoke(handle, isThisOne)))
  return element
}

async function revoke(handle, isThisOne) {
  const { body } = await call('DELETE', `/api/sessions/${handle}`)
  if (isThisOne) return
  await loadSessions()
  addNote(body.message)
}

function timeOf(ms) {
  return new Date(ms).toLocaleTimeString('en-GB')
}
