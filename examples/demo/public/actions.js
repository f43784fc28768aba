import { addNote } from './timeline.js'

let settle = async () => {}
let running = 0

/** Whether an action is running. The page is updated after it. */
export function isActing() {
  return running > 0
}

/** Sets what is done after each action. */
export function afterEachAction(run) {
  settle = run
}

/** Runs the action of a button, once at a time. A failure is shown in the timeline. */
export async function act(button, action) {
  if (button.getAttribute('aria-disabled') === 'true') return
  // Not `disabled`, which would take the focus away.
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

/** Shows the answer to a request in a few words. */
export function showAnswer(selector, { ok, status, body }) {
  const line = document.querySelector(selector)
  line.dataset.ok = String(ok)
  line.textContent = `${status} ${body.message ?? body.detail}`
}
