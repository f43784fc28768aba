import SuperTokens from 'supertokens-website'

SuperTokens.init({ apiDomain: location.origin, apiBasePath: '/auth' })

/** Connects, and connects again until the session has ended. */
export async function connect({ onOpen, onMessage, onEnd }) {
  // An upgrade cannot refresh. This does, where the access token has expired.
  if (!(await SuperTokens.doesSessionExist())) return onEnd()
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/chat`)
  socket.onopen = () => onOpen(socket)
  socket.onmessage = ({ data }) => onMessage(data)
  socket.onclose = ({ code }) => {
    if (code === 4401) onEnd()
    else setTimeout(connect, 1000, { onOpen, onMessage, onEnd })
  }
}
