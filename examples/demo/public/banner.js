const banner = document.querySelector('#banner')

/** Shows on top of the page what happened to the session. It does not replace an alarm. */
export function announce(text) {
  if (banner.dataset.tone !== 'alarm') show('calm', text)
}

export function raiseAlarm(text) {
  show('alarm', text)
}

export function clearBanner() {
  banner.dataset.tone = ''
  banner.hidden = true
}

function show(tone, text) {
  banner.dataset.tone = tone
  banner.textContent = text
  banner.hidden = false
}
