import { addNote } from './timeline.js'

let settle = async () => {}
let running = 0

/** Whether an action is under way, after which the page catches up anyway. */
export function isActing() {
  return running > 0
}

/** What is to be done whenever an action is through, well or not. */
export function afterEachAction(run) {
  settle = run
}

/** Runs what a button stands for: once at a time, and never without a trace. */
export async function act(button, action) {
  if (button.getAttribute('aria-disabled') === 'true') return
  // Not `disabled`: the focus is to stay where it is.
  button.setAttribute('aria-disabled', 'true')
  running++
  try {
    await action()
    await settle()
  } catch (error) {
    addNote(`That did not work: ${error.message}`)
  } finally {
    running--
    button.removeAttribute('aria-disabled')
  }
}

export function onClick(selector, action) {
  const button = document.querySelector(selector)
  button.addEventListener('click', () => act(button, action))
}

/** Shows in a few words what a request was answered. */
export function showAnswer(selector, { ok, status, body }) {
  const line = document.querySelector(selector)
  line.dataset.ok = String(ok)
  line.textContent = `${status} ${body.message ?? body.detail}`
}
