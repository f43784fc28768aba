'use client'

import { useEffect, useState } from 'react'
import SuperTokens from 'supertokens-website'

const API = process.env.NEXT_PUBLIC_API

// Next runs this file on its server as well, where there is no session.
if (typeof window !== 'undefined') SuperTokens.init({ apiDomain: API, apiBasePath: '/auth' })

export function Account() {
  // undefined: not known yet. null: nobody is logged in.
  const [user, setUser] = useState(undefined)

  async function load() {
    const reply = await fetch(`${API}/me`)
    setUser(reply.ok ? await reply.json() : null)
  }
  async function logIn() {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ userId: 'ada' })
    await fetch(`${API}/login`, { method: 'POST', headers, body })
    await load()
  }
  async function logOut() {
    await SuperTokens.signOut()
    setUser(null)
  }
  useEffect(() => {
    void load()
  }, [])

  if (user === undefined) return <p>One moment …</p>
  if (user === null)
    return (
      <button type="button" onClick={logIn}>
        Log in
      </button>
    )
  return (
    <p>
      {user.userId}{' '}
      <button type="button" onClick={logOut}>
        Log out
      </button>
    </p>
  )
}
