// The client: keeps the tokens of replies, sends them, and refreshes when they have expired.
const ACCESS = 'st-access-token'
const REFRESH = 'st-refresh-token'

/** The Keychain of iOS, the Keystore of Android: no plain file, and no part of a backup. */
export interface SecureStorage {
  get(name: string): Promise<string | null>
  set(name: string, value: string): Promise<void>
  delete(name: string): Promise<void>
}

export class ApiClient {
  readonly #url: string
  readonly #storage: SecureStorage
  #refreshing: Promise<Response> | null = null

  constructor(url: string, storage: SecureStorage) {
    this.#url = url
    this.#storage = storage
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    // `@other.example` would send the token there.
    if (!path.startsWith('/')) throw new TypeError('path has to begin with a slash')
    const sent = await this.#storage.get(ACCESS)
    const reply = await this.#send(path, init, sent)
    if (reply.status !== 401 || sent === null) return reply
    // Another request may have refreshed in the meantime.
    const isNewest = (await this.#storage.get(ACCESS)) === sent
    const refreshed = isNewest ? await this.#refresh() : null
    if (refreshed?.ok === false) return refreshed.clone()
    return this.#send(path, init, await this.#storage.get(ACCESS))
  }

  /** One refresh for all requests that wait for it. */
  async #refresh(): Promise<Response> {
    this.#refreshing ??= this.#storage
      .get(REFRESH)
      .then((token) => this.#send('/auth/session/refresh', { method: 'POST' }, token))
      .finally(() => {
        this.#refreshing = null
      })
    return this.#refreshing
  }

  async #send(path: string, init: RequestInit, token: string | null): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('st-auth-mode', 'header')
    if (token !== null) headers.set('authorization', `Bearer ${token}`)
    const reply = await fetch(this.#url + path, { ...init, headers })
    for (const name of [ACCESS, REFRESH]) {
      const value = reply.headers.get(name)
      if (value === '') await this.#storage.delete(name)
      else if (value !== null) await this.#storage.set(name, value)
    }
    return reply
  }
}
