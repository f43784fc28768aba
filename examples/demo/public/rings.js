/** Shows the remaining time as an arc and as seconds. Hides the ring while it is not known. */
export function drawRing(name, life) {
  const ring = document.querySelector(`#${name}-ring`)
  ring.hidden = life === null
  if (life === null) return
  const { leftMs, wholeMs } = life
  const share = Math.min(1, Math.max(0, leftMs / wholeMs))
  ring.querySelector('.arc').style.strokeDashoffset = String(100 - 100 * share)
  ring.dataset.state = share === 0 ? 'over' : share < 0.25 ? 'ending' : 'alive'
  document.querySelector(`#${name}-left`).textContent = share === 0 ? 'expired' : format(leftMs)
}

function format(ms) {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
