import { onClick, showAnswer } from './actions.js'
import { call } from './api.js'
import { raiseAlarm } from './banner.js'
import { refreshNow } from './sdk.js'
import { addNote } from './timeline.js'
import { serverNow } from './wire.js'

const steps = document.querySelector('#steps')
const grace = document.querySelector('#grace')
const graceText = grace.textContent
/** Counts sessions, so that a countdown for an earlier session stops. */
let generation = 0

onClick('#strike', strike)

/** Resets the steps for another session. */
export function resetThief() {
  generation++
  mark('refresh', 'todo')
  mark('wait', 'todo')
  mark('strike', 'todo')
  grace.textContent = graceText
}

/** Waits until the copied token is old enough to be recognised as stolen, and replays it. */
async function strike() {
  let strikesAt = await readStrikeTime()
  if (strikesAt === null) {
    mark('refresh', 'doing')
    await refreshNow()
    // This request shows that the new tokens have arrived. From now on the copy is an old token.
    strikesAt = await readStrikeTime()
  }
  if (strikesAt === undefined) return
  mark('refresh', 'done')
  mark('wait', 'doing')
  addNote('The thief waits for the end of the grace period')
  if (!(await countDownTo(strikesAt))) return
  mark('wait', 'done')
  mark('strike', 'doing')
  await replay()
}

async function replay() {
  const reply = await call('POST', '/api/thief/strike')
  if (!reply.ok) {
    mark('strike', 'todo')
    showAnswer('#thief-answer', reply)
    return
  }
  const { body } = reply
  addNote(`The thief replays the old refresh token: ${body.status} ${body.message}`)
  raiseAlarm(
    `Theft alarm: the thief\u2019s refresh token was answered with ${body.status}, \u201c${body.message}\u201d. The server has ended the session, for the thief and for you.`
  )
  mark('strike', 'done')
  // The next request tells the page, as it tells any page.
  await call('GET', '/api/sessions')
}

/** @returns When the thief can strike; `null`: the copy is still valid; `undefined`: no thief. */
async function readStrikeTime() {
  const { ok, body } = await call('GET', '/api/thief')
  return ok ? body.strikesAt : undefined
}

/** @returns `false` where the session ended meanwhile. */
async function countDownTo(time) {
  const mine = generation
  while (serverNow() < time) {
    const seconds = Math.ceil((time - serverNow()) / 1000)
    grace.textContent = `The grace period for late requests ends in ${seconds} s.`
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (generation !== mine) return false
  }
  grace.textContent = 'The grace period for late requests is over.'
  return true
}

function mark(step, state) {
  steps.querySelector(`[data-step=${step}]`).dataset.state = state
}
