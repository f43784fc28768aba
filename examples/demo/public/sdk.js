/* global supertokens */
const TRANSFER = 'demo-transfer'

/** How tokens are transferred: `cookie` or `header`. Kept across reloads, like the session. */
export function transferMethod() {
  return localStorage.getItem(TRANSFER) ?? 'cookie'
}

/** Starts the SDK, or starts it again with the other transfer method. */
export function startSdk(transfer, onHandleEvent) {
  localStorage.setItem(TRANSFER, transfer)
  supertokens.init({
    apiDomain: location.origin,
    apiBasePath: '/auth',
    tokenTransferMethod: transfer,
    onHandleEvent
  })
}

/** The SDK refreshes here if the access token has expired, and on a first visit. */
export const doesSessionExist = () => supertokens.doesSessionExist()

export const refreshNow = () => supertokens.attemptRefreshingSession()

export const signOut = () => supertokens.signOut()

/**
 * What the SDK knows of the session: user, expiry of the access token, claims.
 *
 * Reads the SDK's own storage. Calling the SDK would make it refresh an expired token, and this
 * function runs several times a second.
 *
 * @returns {{ uid: string, ate: number, up: Record<string, unknown> } | null}
 */
export function readFrontToken() {
  const cookie = document.cookie.split('; ').find((text) => text.startsWith('sFrontToken='))
  const text = cookie?.slice('sFrontToken='.length)
  if (!text) return null
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes))
}
